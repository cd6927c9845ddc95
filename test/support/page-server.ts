import { once } from 'node:events';
import { createServer } from 'node:http';
import { build, defaultClientConditions } from 'vite';

/** A page with one script of ours, on an origin of its own. */
export interface PageServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly origin: string;
  stop(): Promise<void>;
}

/** Bundles a script with all that it imports, from our sources. */
export async function bundle(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@fieldpost/source', ...defaultClientConditions] },
    build: { write: false, minify: false, lib: { entry, formats: ['es'], fileName: 'page' } },
  });
  const outputs = Array.isArray(built) ? built : [built];
  for (const output of outputs) {
    if (!('output' in output)) continue;
    for (const file of output.output) if (file.type === 'chunk') return file.code;
  }
  throw new Error(`${entry} gave no script`);
}

/** Serves a page that runs the script. Given a port, on that one: databases belong to an origin. */
export async function startPageServer(script: string, port = 0): Promise<PageServer> {
  const server = createServer((request, response) => {
    if (request.url === '/page.js') {
      response.setHeader('content-type', 'text/javascript').end(script);
    } else {
      const page = '<!doctype html><title>test page</title><script type="module" src="/page.js"></script>';
      response.setHeader('content-type', 'text/html').end(page);
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the page server has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
