import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MessageId } from '@fieldpost/protocol';
import { createDoneMessages, type SqlClient } from '@fieldpost/sdk/consumer';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { PostgresServer } from '../support/postgres/postgres-server.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('invoicing/main.ts', import.meta.url));
const ID = '0192bd1e-4800-7000-8000-000000000001' as MessageId;

let postgres: PostgresServer;
let pool: Pool;
beforeAll(async () => {
  postgres = await PostgresServer.start();
  pool = postgres.connect();
});
beforeEach(async () => {
  await pool.query(`
    DROP TABLE IF EXISTS invoices, repeats, fieldpost_done_messages;
    CREATE TABLE invoices (number text NOT NULL, total integer NOT NULL);
    CREATE TABLE repeats (message_id uuid NOT NULL);`);
  await withClient((client) => createDoneMessages({ work: 'invoices' }).prepare(client));
});
afterAll(async () => {
  await pool.end();
  await postgres.dispose();
});

describe('a consumer with its own PostgreSQL, killed between its work and its acknowledgement', () => {
  let gateway: GatewayProcess;
  let queue: QueueAtGateway;
  let token: string;
  beforeAll(async () => {
    gateway = await startGatewayProcess();
    token = await gateway.token();
  });
  beforeEach(async () => {
    queue = await new QueueAtGateway({ name: 'orders', url: () => gateway.url, token }).create();
    await queue.send(...orders);
  });
  afterAll(() => gateway.dispose());

  const orders = Array.from({ length: 12 }, (_, index) => ({ number: `A-${index}`, total: 100 + index }));

  test('writes each invoice once', async () => {
    for (const dieAt of [
      'after-commit:2',
      'before-commit:1',
      'after-commit:1',
      'before-commit:3',
      'after-commit:2',
    ])
      expect(await exitOf(start({ DIE_AT: dieAt }))).toBe('SIGKILL');
    await finish();
    const { rows } = await pool.query('SELECT number, total FROM invoices ORDER BY total');
    expect(rows).toEqual(orders);
    // Each kill behind a commit brought its message again: the test was a test. A lease that ran out on a slow machine
    // may have brought another one.
    const repeats = await pool.query('SELECT DISTINCT message_id FROM repeats');
    expect(repeats.rowCount).toBeGreaterThanOrEqual(3);
  });

  test('without the note, the same kills write invoices twice', async () => {
    expect(await exitOf(start({ DIE_AT: 'after-commit:2', NOTE: 'no' }))).toBe('SIGKILL');
    await finish({ NOTE: 'no' });
    expect((await pool.query('SELECT 1 FROM invoices')).rowCount).toBeGreaterThan(orders.length);
  });

  function start(settings: Readonly<Record<string, string>>): ChildProcess {
    const all = {
      GATEWAY: gateway.url,
      TOKEN: token,
      QUEUE: queue.name,
      DATABASE: postgres.url,
      ...settings,
    };
    const named = Object.entries(all).map(([name, value]) => [`INVOICING_${name}`, value]);
    return spawn(process.execPath, ['--conditions=@fieldpost/source', MAIN], {
      env: { ...process.env, ...Object.fromEntries(named) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  /** Lets a consumer that nobody kills do the rest. */
  async function finish(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = start(settings);
    const exited = exitOf(child);
    try {
      await until(() => queue.isEmpty(), { withinMs: 30_000, what: 'the queue is empty' });
    } finally {
      child.kill('SIGTERM');
    }
    expect(await exited).toBe(0);
  }
});

describe('notes', () => {
  const done = createDoneMessages({ work: 'invoices' });

  test('a message is new once for each work, and again after a rollback', () =>
    withClient(async (client) => {
      await client.query('BEGIN', []);
      expect(await done.note(client, { id: ID })).toBe(true);
      await client.query('ROLLBACK', []);
      await client.query('BEGIN', []);
      expect(await done.note(client, { id: ID })).toBe(true);
      expect(await done.note(client, { id: ID })).toBe(false);
      expect(await createDoneMessages({ work: 'shipping' }).note(client, { id: ID })).toBe(true);
      await client.query('COMMIT', []);
    }));

  test('of two transactions at once, the second waits and then knows', () =>
    withClient((first) =>
      withClient(async (second) => {
        await first.query('BEGIN', []);
        await second.query('BEGIN', []);
        expect(await done.note(first, { id: ID })).toBe(true);
        const other = done.note(second, { id: ID });
        await until(async () => {
          const { rowCount } = await pool.query(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
          );
          return rowCount === 1;
        });
        await first.query('COMMIT', []);
        expect(await other).toBe(false);
        await second.query('COMMIT', []);
      }),
    ));

  test('outside a transaction, or on a pool, nothing is noted and the error says why', async () => {
    const notOpen = { code: 'invalid-argument', message: expect.stringContaining('no transaction is open') };
    await withClient((client) => expect(done.note(client, { id: ID })).rejects.toMatchObject(notOpen));
    await expect(done.note(pool, { id: ID })).rejects.toMatchObject(notOpen);
    expect((await pool.query('SELECT 1 FROM fieldpost_done_messages')).rowCount).toBe(0);
  });

  test('old notes are forgotten, those of another work are not', () =>
    withClient(async (client) => {
      await client.query(
        `INSERT INTO fieldpost_done_messages VALUES ('invoices', $1, now() - interval '2 days'), ('shipping', $1, now() - interval '2 days')`,
        [ID],
      );
      expect(await done.forget(client, 3 * 86_400_000)).toBe(0);
      expect(await done.forget(client, 86_400_000)).toBe(1);
      expect((await client.query('SELECT work FROM fieldpost_done_messages', [])).rows).toEqual([
        { work: 'shipping' },
      ]);
    }));

  test('ten starters at once make one table, also in a schema', async () => {
    await pool.query('CREATE SCHEMA IF NOT EXISTS office');
    const inSchema = createDoneMessages({ work: 'invoices', table: 'office.done' });
    await Promise.all(Array.from({ length: 10 }, () => withClient((client) => inSchema.prepare(client))));
    await withClient(async (client) => {
      await client.query('BEGIN', []);
      expect(await inSchema.note(client, { id: ID })).toBe(true);
      await client.query('ROLLBACK', []);
    });
  });

  test('names that are none are refused', () => {
    expect(() => createDoneMessages({ work: '' })).toThrow(/work is empty/);
    expect(() => createDoneMessages({ work: 'w', table: 'x; DROP TABLE invoices' })).toThrow(/no plain name/);
  });
});

async function withClient(use: (client: SqlClient) => Promise<unknown>): Promise<void> {
  const client = await pool.connect();
  try {
    await use(client);
  } finally {
    client.release();
  }
}

async function exitOf(child: ChildProcess): Promise<unknown> {
  const [code, signal]: unknown[] = await once(child, 'exit');
  return code ?? signal;
}
