import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BenchContext } from './bench-context.ts';
import { barePath } from './contestants/bare-path/contestant.ts';
import { fieldpost, gatewayIntake, gatewayIntakeAllFeatures } from './contestants/fieldpost/contestant.ts';
import { barePut, careful } from './contestants/peers.ts';
import { RowBook } from './measure/row-book.ts';
import { byDepth, consuming, enqueueing, runQueues, wholeJob } from './queues/run-queues.ts';
import { gatewayQueue } from './queues/servers/gateway.ts';
import { bullmq } from './queues/servers/redis.ts';
import { asText, tablesOf } from './report/table.ts';
import { judge } from './report/targets.ts';
import { runDrain } from './scenarios/drain.ts';
import { runIntake } from './scenarios/intake.ts';
import { runReceive } from './scenarios/receive.ts';
import { runSendAwaited } from './scenarios/send-awaited.ts';
import { runSlowLink } from './scenarios/slow-link.ts';
import { tinySizes } from './sizes.ts';

// Every scenario with a handful of orders, so that the bench still works on the day it is needed. RxDB and Workbox are not
// installed for this; every other contestant runs for real.

const ours = fieldpost();
let folder: string;
let book: RowBook;
let context: BenchContext;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-bench-test-'));
  mkdirSync(join(folder, 'runs'));
  book = new RowBook();
  context = { sizes: tinySizes, seed: 7, book, say: () => undefined, folder: join(folder, 'runs') };
  for (const contestant of [ours, barePut, careful]) await contestant.prepare(join(folder, 'pages'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test('orders saved one by one are timed for contestants that take turns', async () => {
  await runSendAwaited(context, [ours, barePut]);
  expect(contestantsOf('save, each awaited')).toEqual(['Fieldpost', 'bare strict put']);
});

test('a drain counts only when every order is at the server once', async () => {
  const messages = tinySizes.drain;
  await runDrain(
    context,
    [ours, careful].map((contestant) => ({ contestant, messages })),
  );
  expect(contestantsOf('drain')).toEqual(['Fieldpost', 'careful hand-written']);
});

test('the gateway and the bare path take the same batches', async () => {
  await runIntake(context, [gatewayIntake, gatewayIntakeAllFeatures, barePath]);
  expect(contestantsOf('intake')).toEqual([
    'Fieldpost',
    'Fieldpost, all features',
    'bare socket.io + SQLite',
  ]);
});

test('a consumer empties the queue', async () => {
  await runReceive(context, gatewayIntake);
  expect(contestantsOf('receive and acknowledge')).toEqual(['Fieldpost']);
});

test('a drain over a slow link takes at least as long as its bytes', async () => {
  await runSlowLink(context, ours);
  const row = book.rows().find(({ scenario }) => scenario === 'drain over a slow link');
  expect(row?.values[0]).toBeGreaterThan((250 * tinySizes.slowLink) / 125_000);
});

const severalServersMs = 120_000;

test(
  'the queues do the whole job, and whoever is not installed is named and costs nobody the run',
  { timeout: severalServersMs },
  async () => {
    const absent = bullmq('always');
    const nowhere = { debianPackage: 'redis-server', paths: ['/nowhere/redis-server'] };
    const facts = await runQueues(context, [gatewayQueue, { ...absent, packages: [], needs: nowhere }]);
    for (const scenario of [wholeJob, enqueueing, consuming, byDepth])
      expect(contestantsOf(scenario)).toEqual(['Fieldpost']);
    expect(facts.contestants.map(({ name }) => name)).toEqual(['Fieldpost']);
    expect(facts.absent).toEqual([
      { name: absent.name, why: expect.stringContaining('redis-server is not installed') },
    ]);
    const text = tablesOf({ rows: [], targets: [], queues: facts }).map(asText).join('\n');
    expect(text).toContain(`${absent.name}  NOT MEASURED`);
  },
);

test('the report judges what was measured and shows each row', () => {
  const rows = book.rows();
  const targets = judge({ rows, slowLinkMostSeconds: 100 });
  expect(targets.map(({ promise }) => promise)).toEqual([
    'save, each awaited: at least 0.9 × bare strict put',
    'drain: at least 5 × careful hand-written',
    'save, all at once, 100 orders: at most 100 ms',
    'drain over a slow link, 20 orders: at most 100.00 s',
    'enqueue, lease and acknowledge, behind 300 others: at most 1.5 × the cost of an empty queue',
  ]);
  const text = tablesOf({ rows, targets }).map(asText).join('\n');
  for (const { contestant } of rows) expect(text).toContain(contestant);
});

function contestantsOf(scenario: string): string[] {
  return [
    ...new Set(
      book
        .rows()
        .filter((row) => row.scenario === scenario)
        .map(({ contestant }) => contestant),
    ),
  ];
}
