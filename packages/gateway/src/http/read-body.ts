import type { Context } from 'hono';
import { RequestError } from './problem.ts';

/**
 * The bytes of a request's body, never more than `bytesMax`: what is announced or sent beyond that is not read.
 *
 * @throws RequestError `payload-too-large`
 */
export async function readBody(c: Context, bytesMax: number): Promise<Uint8Array> {
  const announced = c.req.header('content-length');
  // Node's parser holds a sender to the length it announced, so the quick way is bounded too.
  if (announced !== undefined) {
    if (Number(announced) > bytesMax) throw tooLarge(bytesMax);
    return new Uint8Array(await c.req.raw.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Whether the request says that its body is of this media type, parameters aside. */
export function hasMediaType(c: Context, mediaType: string): boolean {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';');
  return type.trim().toLowerCase() === mediaType;
}

/** Whether the request announces no body. */
export function hasNoBody(c: Context): boolean {
  return (c.req.header('content-length') ?? '0') === '0' && c.req.header('transfer-encoding') === undefined;
}

function tooLarge(bytesMax: number): RequestError {
  // The rest of the body is still on its way: this connection is of no further use.
  return new RequestError('payload-too-large', `the request body may have ${bytesMax} bytes at most`, {
    headers: { connection: 'close' },
  });
}
