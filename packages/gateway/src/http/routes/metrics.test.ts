import { readFileSync } from 'node:fs';
import {
  decodeDown,
  type DownFrame,
  encodeUp,
  FRAMES_MEDIA_TYPE,
  type Hello,
  packFrames,
  type Session,
  unpackFrames,
  type UpFrame,
} from '@fieldpost/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../core/metric-table.ts';
import {
  deviceId,
  epochId,
  hello,
  messageBytes,
  messageId,
  principal,
  push,
  run,
  runOf,
} from '../../testing/sample-frames.ts';
import { beginSlowRequest } from '../../testing/slow-request.ts';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

const DEFINITIONS = { ...GAUGES, ...COUNTERS, ...HISTOGRAMS };
const DEVICE = deviceId(1);

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', { retryDelaysMs: [], quotaMessages: 50 });
});

test('the guide lists every metric with its labels and its meaning', () => {
  const guide = readFileSync(
    new URL('../../../../../docs/guides/operating-the-gateway.md', import.meta.url),
    'utf8',
  );
  const rows = [...guide.matchAll(/^\| `(fieldpost_\w+)` \|([^|]*)\|([^|]*)\|$/gm)];
  const listed = rows.map(([, name, labels = '', help = '']) => [
    name,
    [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    help.trim(),
  ]);
  const expected = Object.entries(DEFINITIONS).map(([name, { labels, help }]) => [name, labels, help]);
  expect(listed).toEqual(expected);
});

test('every metric is there from the start on, or with its first label, and moves', async () => {
  await gateway.gateway.start();
  const before = await metrics();
  for (const name of Object.keys(DEFINITIONS)) expect(before.text).toContain(`# HELP ${name} `);
  await consume();
  await journal();
  await expire();
  await exchangeFrames();
  await gateway.call('GET', '/v1/queues/nowhere');
  const line = gateway.gateway.accept(principal({ expiresAt: gateway.clock.now() + 3_600_000 }), {
    send: () => undefined,
    disconnect: () => undefined,
  });
  line.received(encodeUp(hello({ device: deviceId(9) })));
  const slow = await beginSlowRequest(gateway, '/v1/queues/orders/messages', '{"body":"');
  await expect.poll(async () => (await metrics()).value('fieldpost_connections')).toBe(1);
  const after = await metrics();
  for (const name of Object.keys(DEFINITIONS)) {
    const moved = [...after.samples].filter(
      ([sample, value]) => sample.startsWith(name) && value !== (before.samples.get(sample) ?? 0),
    );
    expect(moved, name).not.toEqual([]);
  }
  expect(after.value('fieldpost_messages_arrived_total{queue="orders",from="device"}')).toBe(2);
  expect(after.value('fieldpost_messages_refused_total{code="queue-not-found"}')).toBe(1);
  expect(after.value('fieldpost_messages_skipped_total{code="cancelled"}')).toBe(1);
  expect(after.value('fieldpost_messages_lost_total')).toBe(5);
  expect(after.value('fieldpost_messages_settled_total{queue="orders",outcome="ack"}')).toBe(1);
  expect(after.value('fieldpost_messages_ended_total{queue="orders",cause="rejected-by-receiver"}')).toBe(1);
  expect(after.value('fieldpost_messages_ended_total{queue="brief",cause="run-out"}')).toBe(1);
  expect(after.value('fieldpost_journal_copies_missed_total{queue="kept"}')).toBe(1);
  expect(after.value('fieldpost_queue_messages{queue="orders;dead-letter",state="ready"}')).toBe(1);
  expect(after.value('fieldpost_hellos_total{answer="newer-connection"}')).toBe(1);
  expect(after.value('fieldpost_http_problems_total{code="queue-not-found"}')).toBe(1);
  expect(after.value('fieldpost_generation_changes_total')).toBe(1);
  expect(after.value('fieldpost_input_bytes')).toBe(9);
  slow.cut();
});

describe('what a caller makes up', () => {
  test('becomes no label, of which each would cost memory for good', async () => {
    const session = await greet();
    for (let index = 0; index < 26; index++) {
      const code = `made-up-${String.fromCodePoint(97 + index)}`;
      const skips = [{ index: 0, id: messageId(index), code }];
      await exchange(
        push([run([new Uint8Array(0)], { first: index + 1, skips })], { device: DEVICE, session }),
      );
      await gateway.call('POST', `/v1/queues/orders;q${index}/settle`, { ack: [`${index}.x`] });
    }
    const { text, value } = await metrics();
    expect(text).not.toMatch(/made-up|orders;q/);
    expect(value('fieldpost_messages_skipped_total{code="other"}')).toBe(26);
    expect(value('fieldpost_leases_lost_total')).toBe(26);
  });
});

describe('GET /metrics', () => {
  test('answers everybody, in the text format', async () => {
    const { status, headers, text } = await gateway.call('GET', '/metrics', undefined, { authorization: '' });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text).toContain('# TYPE fieldpost_queue_messages gauge\nfieldpost_queue_messages{queue="orders"');
  });

  test('counts the queues once a second, however often it is asked', async () => {
    let lists = 0;
    const list = gateway.store.listQueues.bind(gateway.store);
    gateway.store.listQueues = (now) => {
      lists += 1;
      return list(now);
    };
    await Promise.all(Array.from({ length: 20 }, () => gateway.call('GET', '/metrics')));
    expect(lists).toBe(1);
    gateway.clock.advance(1000);
    await gateway.call('GET', '/metrics');
    expect(lists).toBe(2);
  });

  test('a reading that fails is a problem, and the next one is tried', async () => {
    const list = gateway.store.listQueues.bind(gateway.store);
    gateway.store.listQueues = () => Promise.reject(new Error('disk I/O error'));
    expect((await gateway.call('GET', '/metrics')).status).toBe(500);
    gateway.store.listQueues = list;
    expect((await gateway.call('GET', '/metrics')).status).toBe(200);
  });

  test('a queue that is gone is gone from the gauges', async () => {
    await gateway.call('DELETE', '/v1/queues/orders');
    expect((await metrics()).text).not.toContain('fieldpost_queue_messages{queue="orders"');
  });
});

async function metrics(): Promise<{
  readonly text: string;
  readonly samples: ReadonlyMap<string, number>;
  readonly value: (sample: string) => number | undefined;
}> {
  gateway.clock.advance(1000);
  const { text } = await gateway.call('GET', '/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = new Map(
    lines.map((line): [string, number] => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
  return { text, samples, value: (sample) => samples.get(sample) };
}

async function lease(queue: string): Promise<string> {
  const { json } = await gateway.call('POST', `/v1/queues/${queue}/receive`, {});
  return (json as { messages: { receipt: string }[] }).messages[0]?.receipt ?? '';
}

async function consume(): Promise<void> {
  const queue = '/v1/queues/orders';
  await gateway.call('POST', `${queue}/messages`, { messages: [{ body: 1 }, { body: 2 }] });
  await gateway.call('POST', `${queue}/settle`, { ack: [await lease('orders')] });
  await gateway.call('POST', `${queue}/settle`, { reject: [{ receipt: await lease('orders') }] });
  await gateway.call('POST', `${queue}/settle`, { ack: ['1.old'] });
}

/** Fills a journal that holds one copy. */
async function journal(): Promise<void> {
  await gateway.call('PUT', '/v1/queues/kept', { journal: true, quotaMessages: 1 });
  for (const body of [1, 2]) {
    await gateway.call('POST', '/v1/queues/kept/messages', { body });
    await gateway.call('POST', '/v1/queues/kept/settle', { ack: [await lease('kept')] });
  }
}

async function expire(): Promise<void> {
  await gateway.call('PUT', '/v1/queues/brief', {});
  await gateway.call('POST', '/v1/queues/brief/messages', { body: 1, timeToLiveMs: 10 });
  await gateway.call('POST', '/v1/queues/orders/messages', { body: 3 });
  await expect
    .poll(async () =>
      (await metrics()).value('fieldpost_messages_ended_total{queue="brief",cause="run-out"}'),
    )
    .toBe(1);
}

/** Hellos and pushes with everything that can be said of them. */
async function exchangeFrames(): Promise<void> {
  const first = await greet();
  await exchange(push([runOf(1, 2)], { device: DEVICE, session: first }));
  // Another program of the device, which knows no session.
  expect(await exchange(hello({ device: DEVICE }))).toMatchObject([{ type: 'fenced' }]);
  const second = await greet({ lastSession: first });
  const third = await greet({ lastSession: second });
  // A copy of the data of the first session.
  const fourth = await greet({ lastSession: first, takesOver: third });
  // The store has gone back behind this device, and five messages are gone for good.
  const streams = [{ epoch: epochId(2), queue: 'orders', priority: 3, acknowledged: 5 }];
  const fifth = await exchange(hello({ device: DEVICE, lastSession: fourth, streams }));
  const [welcome] = fifth;
  if (welcome?.type !== 'welcome') throw new TypeError(`no welcome: ${JSON.stringify(welcome)}`);
  const { session, generation } = welcome;
  await exchange(
    push(
      [
        run([new Uint8Array(0)], {
          epoch: epochId(2),
          first: 6,
          lost: { first: 1 },
          skips: [{ index: 0, id: messageId(6), code: 'cancelled' }],
        }),
        run([messageBytes(1)], { epoch: epochId(3), queue: 'nowhere' }),
      ],
      { device: DEVICE, session },
    ),
  );
  const lie = [{ epoch: epochId(4), queue: 'orders', priority: 3, acknowledged: 9 }];
  await greet({ lastSession: session, generation, streams: lie });
}

async function greet(parts: Partial<Hello> = {}): Promise<Session> {
  const [welcome] = await exchange(hello({ device: DEVICE, ...parts }));
  if (welcome?.type !== 'welcome') throw new TypeError(`no welcome: ${JSON.stringify(welcome)}`);
  return welcome.session;
}

async function exchange(...frames: readonly UpFrame[]): Promise<DownFrame[]> {
  const response = await gateway.gateway.fetch(
    new Request('http://gateway.test/v1/device/sync', {
      method: 'POST',
      headers: { authorization: `Bearer ${await gateway.token()}`, 'content-type': FRAMES_MEDIA_TYPE },
      body: packFrames(frames.map((frame) => encodeUp(frame))),
    }),
  );
  return unpackFrames(new Uint8Array(await response.arrayBuffer())).map((bytes) => decodeDown(bytes));
}
