import type { Context } from 'hono';
import { RequestError } from './problem.ts';

/**
 * The bytes of a request's body, never more than `bytesMax` in memory.
 *
 * @throws RequestError `payload-too-large`
 */
export async function readBody(c: Context, bytesMax: number): Promise<Uint8Array> {
  const announced = Number(c.req.header('content-length') ?? Number.NaN);
  // Node's parser holds a sender to the length it announced, so the quick way is bounded too.
  if (announced <= bytesMax) return new Uint8Array(await c.req.raw.arrayBuffer());
  if (announced <= DROP_FACTOR * bytesMax) await dropBody(c);
  if (announced > bytesMax) throw tooLarge(bytesMax);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** An announced body of up to this many times its limit is heard out before it is refused. */
const DROP_FACTOR = 2;

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
