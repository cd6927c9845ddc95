import { LIMITS } from '@fieldpost/protocol';
import { connect } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { type ProxyMode, startTcpProxy } from '../support/tcp-proxy.ts';
import type { Direction } from '../support/tcp-proxy/modes.ts';

// The connection is reset after every so many bytes, in either direction, from the handshake to the last answer: the real
// SDK, a real TCP connection, a real gateway process on SQLite. Each cut has a device and a queue of its own.

const MESSAGES = 5;
/** How many places are cut, spread evenly over what a whole delivery takes. */
const PLACES = Number(process.env['CUTS'] ?? 40);
/** Devices at once. */
const AT_ONCE = 8;

type Way = 'socket' | 'http';

let gateway: GatewayProcess;
let token: string;

beforeAll(async () => {
  gateway = await startGatewayProcess();
  token = await gateway.token();
});

afterAll(async () => gateway.dispose());

describe.each<Way>(['socket', 'http'])('over %s', (way) => {
  test.each<Direction>(['up', 'down'])(
    'a line cut at any place %s loses and doubles nothing',
    { timeout: 90_000 + PLACES * 1000 },
    async (direction) => {
      const whole = await deliver(way, `whole-${way}-${direction}`, { kind: 'pass' });
      const bytes = direction === 'up' ? whole.bytesUp : whole.bytesDown;
      const places = Array.from({ length: PLACES }, (_, place) => Math.floor((bytes * place) / PLACES) + 1);
      const unlike: unknown[] = [];
      const from = performance.now();
      await eachOf(places, async (place) => {
        const queue = `cut-${way}-${direction}-${place}`;
        const run = await deliver(way, queue, { kind: 'cut-after', direction, bytes: place });
        const cuts = run.faults[`cut-after-${direction}`];
        // A cut that only the answer timeout notices is a line that looked open and was not.
        const isNoticed = run.tookMs < LIMITS.answerTimeoutMs / 2;
        if (cuts !== 1 || !isNoticed || run.outcomes !== 'delivered' || run.arrived !== run.sent)
          unlike.push({ place, ...run, cuts });
      });
      recordRun({
        type: 'cycles',
        fault: 'line-cut',
        cycles: places.length,
        fired: places.length,
        failures: unlike.length,
        seed: `${way} ${direction}/${CHAOS_SEED}`,
        seconds: Math.round((performance.now() - from) / 1000),
        detail: `${places.length * MESSAGES} messages compared`,
      });
      expect(unlike).toEqual([]);
    },
  );
});

interface DeliveryRun {
  /** Ids in the order of sending, and as they stand in the queue. */
  readonly sent: string;
  readonly arrived: string;
  /** The different outcomes. */
  readonly outcomes: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

/** Sends a few messages one after the other through a proxy in `mode`, and looks at what came of them. */
async function deliver(way: Way, name: string, mode: ProxyMode): Promise<DeliveryRun> {
  const from = performance.now();
  const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: gateway.port }) });
  proxy.setMode(mode);
  const post = await connect({
    gateway: `http://127.0.0.1:${proxy.port}`,
    token: () => token,
    transport: way,
    surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },
  });
  try {
    const queue = post.queue<{ line: number }>(name);
    const sent = [];
    for (let line = 0; line < MESSAGES; line++) sent.push(await queue.send({ line }));
    const fates = await Promise.all(sent.map((message) => message.delivered));
    const arrived = await new QueueAtGateway({ name, url: () => gateway.url, token }).ids();
    return {
      sent: sent.map(({ id }) => id).join(),
      arrived: arrived.join(),
      outcomes: [...new Set(fates.map(({ outcome }) => outcome))].join(),
      bytesUp: proxy.counters.bytesUp,
      bytesDown: proxy.counters.bytesDown,
      faults: { ...proxy.counters.faults },
      tookMs: performance.now() - from,
    };
  } finally {
    await post.close();
    await proxy.close();
  }
}

/** Runs `work` for each item, a few at a time. */
async function eachOf<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
