import { dirname, join } from 'node:path';
import { freePort } from '../../contestants/fieldpost/gateway.ts';
import type { QueueContestant } from '../queue-contestant.ts';
import { requireProgram } from './find-program.ts';
import { accountForServers, folderFor, runProgram, startServer } from './server-process.ts';

const needs = {
  debianPackage: 'postgresql',
  paths: ['/usr/lib/postgresql/*/bin/postgres', '/usr/local/bin/postgres'],
};

/** More memory, and checkpoints further apart than the defaults, as its manual advises for much writing. */
const settings = {
  listen_addresses: '127.0.0.1',
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
};

/** pg-boss on PostgreSQL, with every commit flushed. */
export const pgBoss: QueueContestant = {
  name: 'pg-boss on PostgreSQL',
  how: 'insert of many; fetch and complete in batches; a table of its own',
  durability: 'flushed',
  needs,
  packages: ['pg-boss'],
  async start() {
    const program = requireProgram(needs);
    const account = accountForServers();
    const folder = folderFor(account);
    try {
      const data = join(folder.path, 'data');
      const initialise = ['--pgdata', data, '--username', 'bench', '--auth', 'trust', '--no-sync'];
      runProgram(join(dirname(program), 'initdb'), initialise, account);
      const port = await freePort();
      const all = { ...settings, port: String(port), unix_socket_directories: '' };
      const server = await startServer({
        program,
        args: ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
        ready: /ready to accept connections/,
        ...(account !== undefined && { account }),
        // Ends sessions at once, and cleanly.
        stopSignal: 'SIGINT',
      });
      return {
        target: { kind: 'pg-boss', url: `postgres://bench@127.0.0.1:${port}/postgres`, token: '' },
        async stop() {
          await server.stop();
          folder.remove();
        },
      };
    } catch (error) {
      folder.remove();
      throw error;
    }
  },
};
