import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** What a gateway holds at one moment. */
export interface Sample {
  readonly atSeconds: number;
  readonly memoryBytes: number;
  /** Descriptors: files, sockets, timers of the system. */
  readonly handles: number;
  /** Messages in all queues, in whatever state. */
  readonly rows: number;
  readonly logBytes: number;
  readonly fileBytes: number;
}

export type Measure = Exclude<keyof Sample, 'atSeconds'>;

/**
 * By how much each may rise over a run, and what it is called. The log grows to 16 MiB before it is carried over into the
 * file, which grows by as much then: neither is a leak.
 */
export const MEASURES: Readonly<
  Record<Measure, { readonly title: string; readonly unit: 'MiB' | ''; readonly allowedGrowth: number }>
> = {
  memoryBytes: { title: 'memory', unit: 'MiB', allowedGrowth: 24 * 1024 * 1024 },
  handles: { title: 'handles', unit: '', allowedGrowth: 4 },
  rows: { title: 'messages left', unit: '', allowedGrowth: 0 },
  logBytes: { title: 'write-ahead log', unit: 'MiB', allowedGrowth: 20 * 1024 * 1024 },
  fileBytes: { title: 'database file', unit: 'MiB', allowedGrowth: 24 * 1024 * 1024 },
};

/** Looks at a gateway from outside: its process, its files, its API. Linux only. */
export async function measure(gateway: GatewayProcess, token: string, atSeconds: number): Promise<Sample> {
  const { pid = 0, dataDir } = gateway;
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const file = join(dataDir, 'fieldpost.sqlite');
  return {
    atSeconds,
    memoryBytes: Number(resident) * 1024,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    rows: await rowsIn(gateway, token),
    logBytes: existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0,
    fileBytes: statSync(file).size,
  };
}

async function rowsIn(gateway: GatewayProcess, token: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/queues`, { headers: { authorization: `Bearer ${token}` } });
  const queues: unknown = Reflect.get(Object(await response.json()), 'queues');
  if (!Array.isArray(queues)) throw new Error(`no queues: ${response.status}`);
  const counts = queues.flatMap((queue: unknown) =>
    ['ready', 'leased', 'delayed'].map((name) => Number(Reflect.get(Object(queue), name))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
