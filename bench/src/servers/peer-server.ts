import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';

/** A peer's server: makes its table `orders`, and answers POSTs, by path, with JSON. An answer leaves after the commit. */
export type PeerServer = (database: Database) => Readonly<Record<string, (body: string) => string>>;

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  map: 'application/json',
};

/**
 * Serves a peer on a free port of 127.0.0.1: its routes and, from the same origin, its page, so that no request of it needs
 * to be asked for first. Plain node:http, since each layer more would slow the peer down.
 */
export async function servePeer(peer: PeerServer, database: Database, pageFolder: string): Promise<number> {
  const routes = peer(database);
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '/';
    const route = request.method === 'POST' ? routes[path] : undefined;
    if (route === undefined) {
      await servePage(path, pageFolder, response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const json = route(Buffer.concat(chunks).toString());
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(json),
    });
    response.end(json);
  };
  return listen(server);
}

/** Serves only a page, for a contestant whose server is elsewhere. */
export async function startPageServer(pageFolder: string): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    servePage(request.url ?? '/', pageFolder, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  const port = await listen(server);
  return {
    port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function servePage(path: string, folder: string, response: ServerResponse): Promise<void> {
  const name = path === '/' ? 'index.html' : path.slice(1);
  const type = /^[a-z]+\.(?:js\.)?(html|js|map)$/.exec(name)?.[1];
  if (type === undefined) {
    response.writeHead(404).end();
    return;
  }
  const content = await readFile(join(folder, name));
  response.writeHead(200, { 'content-type': contentTypes[type] ?? 'text/plain' }).end(content);
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
