import { join } from 'node:path';
import { startAsked } from '../../servers/child-process.ts';
import type { IntakeContestant } from '../intake-contestant.ts';
import type { BareQuestion } from './server.ts';

/** The limit of intake. */
export const barePath: IntakeContestant = {
  name: 'bare socket.io + SQLite',
  what: 'the same batches, rows in a table, group commit, no semantics',
  server: 'FULL',
  async start(folder) {
    const child = startAsked(join(import.meta.dirname, 'server.ts'));
    const databaseFile = join(folder, 'messages.sqlite');
    const port = await child.ask<number>({ ask: 'start', databaseFile } satisfies BareQuestion);
    return {
      target: { kind: 'bare', url: `http://127.0.0.1:${port}`, token: '' },
      stored: async () => child.ask<number>({ ask: 'stored' } satisfies BareQuestion),
      stop: async () => child.stop(),
    };
  },
};
