import { join } from 'node:path';
import { bundlePage } from '../browser/bundle.ts';
import { startAsked } from '../servers/child-process.ts';
import type { PeerQuestion } from '../servers/peer-main.ts';
import type { Stored } from '../servers/sqlite-full.ts';
import type { Contestant } from './contestant.ts';

interface PeerOptions extends Pick<Contestant, 'name' | 'what' | 'device' | 'batch'> {
  /** Its folder under `contestants/`. */
  readonly folder: string;
  /** The folder whose `server.ts` it talks to; default its own. */
  readonly serverOf?: string;
  readonly worker?: boolean;
}

/** A contestant of a page and a small HTTP server over SQLite, which also serves the page. */
export function peerContestant(options: PeerOptions): Contestant {
  const file = (folder: string, name: string): string => join(import.meta.dirname, folder, name);
  let pageFolder = '';
  return {
    ...options,
    server: 'FULL',
    async prepare(folder) {
      pageFolder = join(folder, options.folder);
      await bundlePage(
        {
          page: file(options.folder, 'page.ts'),
          ...(options.worker === true && { worker: file(options.folder, 'worker.ts') }),
        },
        pageFolder,
      );
    },
    async startServer(folder) {
      const child = startAsked(join(import.meta.dirname, '../servers/peer-main.ts'));
      const port = await child.ask<number>({
        ask: 'start',
        server: file(options.serverOf ?? options.folder, 'server.ts'),
        databaseFile: join(folder, 'orders.sqlite'),
        pageFolder,
      } satisfies PeerQuestion);
      return {
        port,
        address(publicPort) {
          const pageUrl = `http://127.0.0.1:${publicPort}/`;
          return { pageUrl, server: pageUrl, token: '' };
        },
        comeOnline: async () => undefined,
        stored: async () => child.ask<Stored>({ ask: 'stored' } satisfies PeerQuestion),
        stop: async () => child.stop(),
      };
    },
  };
}
