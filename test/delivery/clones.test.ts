import { connect, type Fieldpost } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';

// A profile that is copied to many tablets, as by an image that somebody made of a tablet in use: real devices, a real gateway.

const CLONES = 20;
const OWN_MESSAGES = 3;
const ROUNDS_MAX = 8;
const SETTLED_WITHIN_MS = 60_000;

const tidyUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const tidyUp of tidyUps.splice(0).toReversed()) await tidyUp();
});

describe.each(['socket', 'http'] as const)('over %s', (transport) => {
  test(
    `a profile cloned to ${CLONES} tablets: each message once and in order, and each tablet gets an id of its own`,
    { timeout: 240_000 },
    async () => {
      const gateway = await startGatewayProcess();
      tidyUps.push(() => gateway.dispose());
      const token = await gateway.token();
      const queue = new QueueAtGateway({ name: 'orders', url: () => gateway.url, token });
      const { database, delivered, waiting } = await usedProfile(gateway, token, transport);

      const clones = await Promise.all(
        Array.from({ length: CLONES }, () => connectTo(gateway.url, token, database.copy(), transport)),
      );
      const saved = await Promise.all(clones.map((clone) => sendOneByOne(clone, OWN_MESSAGES)));
      const ids = (): string[] => clones.map(({ device }) => device);
      const isAllDelivered = (): boolean =>
        clones.every(({ status }) => status.get().online && status.get().pending === 0);
      // An idle tablet over HTTP hears that it is a copy when it next has something to say.
      const isTold = (): boolean => new Set(ids()).size === CLONES;
      await until(isAllDelivered, { withinMs: SETTLED_WITHIN_MS, what: 'each clone has delivered all' });
      if (transport === 'socket')
        await until(isTold, { withinMs: SETTLED_WITHIN_MS, what: 'each clone has an id of its own' });
      for (let rounds = 0; !isTold(); rounds++) {
        if (rounds === ROUNDS_MAX) throw new Error(`after ${rounds} rounds: ${ids().toSorted().join(' ')}`);
        const round = await Promise.all(clones.map((clone) => sendOneByOne(clone, 1)));
        for (const [index, sent] of round.entries()) saved[index]?.push(...sent);
        await until(isAllDelivered, { withinMs: SETTLED_WITHIN_MS, what: 'each clone has delivered all' });
      }

      const arrived = await queue.ids();
      expect(arrived).toHaveLength(delivered.length + waiting.length + saved.flat().length);
      expect(new Set(arrived).size).toBe(arrived.length);
      // What waited when the profile was copied comes before what any of the copies saved.
      expect(arrived.slice(0, delivered.length + waiting.length)).toEqual([...delivered, ...waiting]);
      for (const own of saved) expect(arrived.filter((id) => own.includes(id))).toEqual(own);
      expect(clones.map(({ status }) => status.get().deadLetters)).toEqual(clones.map(() => 0));
      expect(gateway.log.filter((line) => line.includes('possible clone')).length).toBeGreaterThan(0);

      // It has come to rest: nobody fences anybody any more.
      const before = ids();
      const fences = gateway.log.length;
      for (const clone of clones) await (await clone.queue('orders').send('at rest')).delivered;
      expect(ids()).toEqual(before);
      expect(gateway.log.slice(fences).filter((line) => line.includes('possible clone'))).toEqual([]);
      expect((await queue.counts()).ready).toBe(arrived.length + CLONES);
    },
  );
});

interface UsedProfile {
  readonly database: MemoryDatabase;
  /** Ids of what the gateway has, and of what waits on the device. */
  readonly delivered: readonly string[];
  readonly waiting: readonly string[];
}

/** The data of a device that has delivered some messages, and saved more when the gateway was away. */
async function usedProfile(
  gateway: GatewayProcess,
  token: string,
  transport: 'socket' | 'http',
): Promise<UsedProfile> {
  const database = new MemoryDatabase();
  const post = await connectTo(gateway.url, token, database, transport);
  const delivered = await sendOneByOne(post, 3);
  await until(() => post.status.get().pending === 0);
  await post.close();
  const offline = await connectTo('http://127.0.0.1:9', token, database, transport);
  const waiting = await sendOneByOne(offline, 5);
  await offline.close();
  return { database, delivered, waiting };
}

async function sendOneByOne(post: Fieldpost, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await post.queue('orders').send({ n })).id);
  return ids;
}

async function connectTo(
  gateway: string,
  token: string,
  database: MemoryDatabase,
  transport: 'socket' | 'http',
): Promise<Fieldpost> {
  const post = await connect({
    gateway,
    token: () => token,
    transport,
    surroundings: { store: createMemoryOutboxStore(database) },
  });
  tidyUps.push(() => post.close());
  return post;
}
