import type { TestGateway } from './test-gateway.ts';

/** A request whose body comes bit by bit. */
export interface SlowRequest {
  readonly answer: Promise<Response>;
  /** Sends the rest, and waits for the answer. */
  finish(rest: string): Promise<void>;
  cut(): void;
}

/** Begins to send a JSON body to `path`: what is given of it has been read when this resolves. */
export async function beginSlowRequest(
  gateway: TestGateway,
  path: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SlowRequest> {
  const encoder = new TextEncoder();
  // Asked for again, the reader has taken and counted what came before.
  const waiting: (() => void)[] = [];
  const isAsked = new Promise<void>((resolve) => waiting.push(resolve));
  const isAskedAgain = new Promise<void>((resolve) => waiting.push(resolve));
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (source = controller),
      pull: () => waiting.shift()?.(),
    },
    { highWaterMark: 0 },
  );
  const init: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    duplex: 'half',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await gateway.token()}`,
      ...headers,
    },
    body,
  };
  const request = new Request(`http://gateway.test${path}`, init);
  const answer = Promise.resolve(gateway.gateway.fetch(request));
  await isAsked;
  source?.enqueue(encoder.encode(text));
  await isAskedAgain;
  return {
    answer,
    async finish(rest) {
      source?.enqueue(encoder.encode(rest));
      source?.close();
      await answer;
    },
    cut: () => source?.error(new Error('cut off')),
  };
}
