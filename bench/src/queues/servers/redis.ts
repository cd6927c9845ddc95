import { freePort } from '../../contestants/fieldpost/gateway.ts';
import type { QueueContestant } from '../queue-contestant.ts';
import { requireProgram } from './find-program.ts';
import { startServer } from './server-process.ts';

const needs = {
  debianPackage: 'redis-server',
  paths: ['/usr/bin/redis-server', '/usr/local/bin/redis-server'],
};

/** BullMQ on Redis. `everysec` is what most run; a power cut then takes up to a second of what was answered. */
export function bullmq(appendfsync: 'always' | 'everysec'): QueueContestant {
  const settings = {
    bind: '127.0.0.1',
    appendonly: 'yes',
    appendfsync,
    // No snapshots besides the log: they would only cost.
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  return {
    name: `BullMQ on Redis, fsync ${appendfsync}`,
    how: 'addBulk; workers with a concurrency; finished jobs removed',
    durability: appendfsync === 'always' ? 'flushed' : 'flushed every second',
    needs,
    packages: ['bullmq', 'ioredis'],
    async start(folder) {
      const port = await freePort();
      const all = { ...settings, port: String(port), dir: folder };
      const server = await startServer({
        program: requireProgram(needs),
        args: Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
        ready: /Ready to accept connections/i,
      });
      return {
        target: { kind: 'bullmq', url: `redis://127.0.0.1:${port}`, token: '' },
        stop: async () => server.stop(),
      };
    },
  };
}
