import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { queue } from '../../load/fieldpost-device.ts';
import type { Stored } from '../../servers/sqlite-full.ts';

const main = join(import.meta.dirname, '../../../../packages/gateway/src/main.ts');
const startTimeoutMs = 30_000;
const pageMessages = 256;

/** A gateway as operators run it: its own process, its own folder, its default settings in development mode. */
export interface GatewayProcess {
  readonly url: string;
  token(): Promise<string>;
  /** Looks at every message of the queue. */
  stored(): Promise<Stored>;
  /** How many messages the queue says that it holds, in whatever state. */
  count(): Promise<number>;
  /** Makes a queue with these settings; the one that devices send to comes by itself, with the default ones. */
  makeQueue(name: string, settings: unknown): Promise<void>;
  /** Where its inspector listens, when its Node options asked for one. */
  inspectorUrl(): string | undefined;
  stop(): Promise<void>;
}

/** A port that is free now, for a gateway that comes later. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return port;
}

/** Starts a gateway and resolves when it is ready; `nodeOptions` come before its file. */
export async function startGateway(
  folder: string,
  port: number,
  nodeOptions: readonly string[] = [],
): Promise<GatewayProcess> {
  const settings = ['--port', String(port), '--data-dir', folder, '--log-level', 'warn'];
  const child = spawn(
    process.execPath,
    ['--conditions=@fieldpost/source', ...nodeOptions, main, 'serve', ...settings],
    { cwd: folder, stdio: ['ignore', 'inherit', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + startTimeoutMs;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the gateway did not start: ${said}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  return {
    url,
    token: async () => mintToken(url),
    stored: async () => countStored(url),
    count: async () => {
      const { ready, leased, delayed, blocked } = await ask<QueueCounts>(url, `/v1/queues/${queue}`);
      return ready + leased + delayed + blocked;
    },
    makeQueue: async (name, wanted) => {
      const path = `/v1/queues/${name}`;
      const response = await fetch(url + path, {
        method: 'PUT',
        headers: { authorization: `Bearer ${await mintToken(url)}`, 'content-type': 'application/json' },
        body: JSON.stringify(wanted),
      });
      if (!response.ok) throw new Error(`PUT ${path} answered ${response.status}: ${await response.text()}`);
    },
    inspectorUrl: () => /ws:\/\/\S+/.exec(said)?.[0],
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

interface QueueCounts {
  readonly ready: number;
  readonly leased: number;
  readonly delayed: number;
  readonly blocked: number;
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function mintToken(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/dev/token`, { method: 'POST' });
  if (!response.ok)
    throw new Error(`POST /v1/dev/token answered ${response.status}: ${await response.text()}`);
  const { token } = (await response.json()) as { token: string };
  return token;
}

/** Looks at every message of the queue, by cursor. */
async function countStored(url: string): Promise<Stored> {
  const ids = new Set<string>();
  let messages = 0;
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: String(pageMessages),
      ...(cursor !== undefined && { cursor }),
    });
    const path = `/v1/queues/${queue}/messages?${query.toString()}`;
    const page = await ask<{ messages: { id: string }[]; cursor?: string }>(url, path);
    messages += page.messages.length;
    for (const { id } of page.messages) ids.add(id);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { messages, distinctIds: ids.size };
}

async function ask<Answer>(url: string, path: string): Promise<Answer> {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${await mintToken(url)}` } });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
