import type { Context } from 'hono';
import type { InputShare } from '../shell/input-room.ts';
import { RequestError } from './problem.ts';

/**
 * The bytes of a request's body, never more than `bytesMax` in memory, and counted in `share` from their arrival on.
 *
 * @throws RequestError `payload-too-large`, or `busy` when there is no room for input
 */
export async function readBody(c: Context, bytesMax: number, share: InputShare): Promise<Uint8Array> {
  const announced = Number(c.req.header('content-length') ?? Number.NaN);
  // Node's parser holds a sender to the length it announced, so the quick way is bounded too.
  if (announced <= Math.min(bytesMax, QUICK_BYTES_MAX)) {
    take(share, announced);
    return new Uint8Array(await c.req.raw.arrayBuffer());
  }
  if (announced > bytesMax && announced <= DROP_FACTOR * bytesMax) await dropBody(c);
  if (announced > bytesMax) throw tooLarge(bytesMax);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    // By what has come and not by what was announced: who announces much and sends little takes no room from others.
    take(share, chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** An announced body of up to this many times its limit is heard out before it is refused. */
const DROP_FACTOR = 2;
/** Up to here a body is read in one go, and counted by its announced length. */
const QUICK_BYTES_MAX = 64 * 1024;
const BUSY_RETRY_MS = 1_000;

function take(share: InputShare, bytes: number): void {
  if (!share.take(bytes)) throw overloaded();
}

/** The answer to a request for which there is no room. */
export function overloaded(): RequestError {
  return new RequestError('busy', 'the gateway has too much to do', { retryAfterMs: BUSY_RETRY_MS });
}

/** Reads a body to its end and keeps nothing: a sender that is cut off while it sends never reads why. */
async function dropBody(c: Context): Promise<void> {
  await c.req.raw.body?.pipeTo(new WritableStream());
}

/** Whether the request says that its body is of this media type, parameters aside. */
export function hasMediaType(c: Context, mediaType: string): boolean {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';');
  return type.trim().toLowerCase() === mediaType;
}

/** Whether the request comes without a body: of no length, or of no kind. */
export function hasNoBody(c: Context): boolean {
  return c.req.header('content-length') === '0' || c.req.header('content-type') === undefined;
}

function tooLarge(bytesMax: number): RequestError {
  return new RequestError('payload-too-large', `the request body may have ${bytesMax} bytes at most`);
}
