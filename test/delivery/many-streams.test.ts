import { type GenerationId, LIMITS, type MessageId } from '@fieldpost/protocol';
import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import { answerAll, helloOf, idsOf, runsOf, ScriptedDevice, state } from '../support/scripted-device.ts';

// A device with more streams than one hello names, with the test as its gateway.

/** More than a hello names. */
const STREAMS = LIMITS.helloStreams + 76;
const PRIORITIES = LIMITS.priorityMax + 1;
const AFTER = '8d1f6f0e-0000-4000-8000-000000000002' as GenerationId;

type Connection = Awaited<ReturnType<ScriptedDevice['greet']>>;

describe('more streams than one hello names', () => {
  test(
    'are all asked about, and all healed, when the gateway went back; then it comes to rest',
    { timeout: 60_000 },
    async () => {
      const device = await ScriptedDevice.open();
      const ids = await deliverToMany(device, STREAMS);
      await device.reconnect();
      const named = new Set<string>();
      const again: string[] = [];
      const healed = new Map<string, MessageId>();
      let hellos = 0;
      for (; again.length < ids.length; hellos++) {
        if (hellos === 10)
          throw new Error(`after ${hellos} hellos ${again.length} of ${ids.length} came again`);
        const connection = await openNext(device);
        const { streams } = helloOf(connection);
        expect(streams.length).toBeLessThanOrEqual(LIMITS.helloStreams);
        for (const stream of streams) named.add(textOf(stream));
        // What the gateway has been sent again, and nothing else.
        const answers = streams.map((stream) => {
          const id = healed.get(textOf(stream));
          return id === undefined
            ? state(stream, 0)
            : { ...state(stream, 1, id), since: stream.acknowledged };
        });
        await device.greet(answers, {}, { generation: AFTER });
        await answerAll(device, connection);
        for (const run of runsOf(connection)) {
          expect(run).toMatchObject({ first: 1, again: true });
          const [id] = idsOf(run);
          if (id === undefined) throw new Error('an empty run');
          healed.set(textOf(run), id);
          again.push(id);
        }
      }
      expect(again.toSorted()).toEqual([...ids].toSorted());
      expect(named.size).toBe(STREAMS);
      expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
      await expectRest(device, healed);
    },
  );

  test(
    'are named by one hello more and no further ones, when the gateway has all',
    { timeout: 60_000 },
    async () => {
      const database = new MemoryDatabase();
      const before = await ScriptedDevice.open({ database });
      await deliverToMany(before, STREAMS);
      await before.post.close();
      const device = await ScriptedDevice.open({ database, seed: 'later' });
      const first = await device.greet();
      expect(helloOf(first).streams).toHaveLength(LIMITS.helloStreams);
      const second = await openNext(device);
      const named = new Set([first, second].flatMap((one) => helloOf(one).streams.map(textOf)));
      expect(named.size).toBe(STREAMS);
      await device.greet();
      const connections = device.socket.connections.length;
      await device.pass(120_000);
      expect(device.socket.connections).toHaveLength(connections);
      expect(device.post.status.get()).toMatchObject({ online: true });
    },
  );

  test(
    'are not asked about in circles while a hello is full of streams that have to wait',
    { timeout: 60_000 },
    async () => {
      const database = new MemoryDatabase();
      const before = await ScriptedDevice.open({ database });
      await deliverToMany(before, 16);
      await saveToMany(before, LIMITS.helloStreams, 'waits');
      await before.post.close();
      const device = await ScriptedDevice.open({ database, seed: 'later' });
      const stall = { code: 'queue-paused', retryAfterMs: 3_600_000 };
      const connection = await openNext(device);
      expect(helloOf(connection).streams.every(({ acknowledged }) => acknowledged === 0)).toBe(true);
      await device.greet(helloOf(connection).streams.map((stream) => ({ ...state(stream, 0), stall })));
      const connections = device.socket.connections.length;
      await device.pass(120_000);
      expect(device.socket.connections).toHaveLength(connections);
      expect(device.post.status.get()).toMatchObject({ online: true, pending: LIMITS.helloStreams });
    },
  );
});

/** Sends one message in each of so many streams, and has them delivered. */
async function deliverToMany(device: ScriptedDevice, streams: number): Promise<MessageId[]> {
  const ids = await saveToMany(device, streams, 'queue');
  const connection = await device.greet();
  await answerAll(device, connection);
  expect(device.post.status.get().pending).toBe(0);
  return ids;
}

async function saveToMany(device: ScriptedDevice, streams: number, name: string): Promise<MessageId[]> {
  const sends = Array.from({ length: streams }, (_, n) =>
    device.post.queue(`${name}-${Math.floor(n / PRIORITIES)}`).send(n, { priority: n % PRIORITIES }),
  );
  return (await Promise.all(sends)).map(({ id }) => id);
}

function textOf({ queue, priority }: { readonly queue: string; readonly priority: number }): string {
  return `${priority} ${queue}`;
}

/** The next connection, with its hello. */
async function openNext(device: ScriptedDevice): Promise<Connection> {
  for (let tries = 0; device.socket.latest.sent.length > 0; tries++) {
    if (tries === LIMITS.answerTimeoutMs / 1000) throw new Error('the device does not connect again');
    await device.pass(1_000);
  }
  device.socket.latest.open();
  await device.settle();
  return device.socket.latest;
}

/** No further hello follows but those that name what is left. */
async function expectRest(device: ScriptedDevice, healed: ReadonlyMap<string, MessageId>): Promise<void> {
  let hellos = 0;
  for (let seconds = 0; seconds < 120; seconds++) {
    const { latest } = device.socket;
    if (latest.sent.length === 0) {
      if (hellos++ === 3) throw new Error('it does not come to rest');
      latest.open();
      await device.settle();
      const answers = helloOf(latest).streams.map((stream) => ({
        ...state(stream, 1, healed.get(textOf(stream))),
        since: stream.acknowledged,
      }));
      await device.greet(answers, {}, { generation: AFTER });
      expect(runsOf(latest)).toEqual([]);
    }
    await device.pass(1_000);
  }
  expect(device.post.status.get()).toMatchObject({ online: true });
}
