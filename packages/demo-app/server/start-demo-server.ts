import { once } from 'node:events';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Books } from './books.ts';
import { Clerk } from './clerk.ts';
import { createDemoApp } from './demo-app.ts';
import { GatewayClient } from './gateway-client.ts';
import { OfficeFeed } from './office-feed.ts';
import { readStaticFiles } from './static-files.ts';

export interface DemoServerOptions {
  /** 0 for any free one. */
  readonly port: number;
  /** The gateway's base URL. */
  readonly gateway: string;
  /** Where the books are kept. */
  readonly dataDir: string;
  /** The built pages. */
  readonly siteDir: string;
  /** Called with what goes wrong and is tried again. */
  readonly onProblem: (error: unknown) => void;
}

export interface DemoServer {
  /** `http://127.0.0.1:4101` */
  readonly url: string;
  /** Books what is at hand, then ends. */
  stop(): Promise<void>;
}

/** Serves the demo app and the back office, and books the orders that arrive. Rejects when the port is taken. */
export async function startDemoServer(options: DemoServerOptions): Promise<DemoServer> {
  const gateway = new GatewayClient(options.gateway);
  const books = new Books(options.dataDir);
  const feed = new OfficeFeed({ gateway, books, clerk: () => clerk });
  const clerk = new Clerk({ gateway, books, onChange: () => feed.changed(), onProblem: options.onProblem });
  const files = readStaticFiles(options.siteDir);
  let url = new URL('http://127.0.0.1');
  const app = createDemoApp({ files, gateway, clerk, feed, origin: () => url });
  const listener = getRequestListener(app.fetch);
  const server = createServer(
    (request, response) => void listener(request, response).catch(options.onProblem),
  );
  server.listen(options.port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    books.close();
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the demo server listens on no port');
  url = new URL(`http://127.0.0.1:${address.port}`);
  clerk.resume();
  const stop = async (): Promise<void> => {
    feed.close();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await clerk.pause();
    await closed;
    books.close();
  };
  return { url: url.origin, stop };
}
