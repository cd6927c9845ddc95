import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';

/** An HTTP proxy of some network on the way, which answers 413 to requests that it finds too large. */
export interface LimitingProxy {
  readonly url: string;
  /** How many requests it did not let through. */
  refused(): number;
  stop(): Promise<void>;
}

export async function startLimitingProxy(target: () => number, bytesMax: number): Promise<LimitingProxy> {
  let refused = 0;
  const server = createServer((incoming, outgoing) => {
    if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) {
      refused++;
      incoming.resume();
      const cors = { 'access-control-allow-origin': incoming.headers.origin ?? '*' };
      outgoing.writeHead(413, { 'content-type': 'text/html', ...cors });
      outgoing.end('<h1>Request Entity Too Large</h1>');
      return;
    }
    const { method, headers, url } = incoming;
    const onward = forward({ host: '127.0.0.1', port: target(), method, headers, path: url }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    refused: () => refused,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
