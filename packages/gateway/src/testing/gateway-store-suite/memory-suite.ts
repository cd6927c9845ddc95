import { type GenerationId, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { Change, GatewayStore, LostRange, Snapshot, StreamRow } from '../../ports/gateway-store.ts';
import {
  deviceId,
  deviceRow,
  epochId,
  messageId,
  NOW,
  numbersIn,
  pushChanges,
  queueRow,
  streamKey,
  write,
} from './fixtures.ts';
import type { GatewayStoreHarness } from './harness.ts';

const RANGE: LostRange = { first: 3, last: 7, device: deviceId(1), recordedAt: NOW };

/** What a store keeps of having gone back in time, and how it forgets epochs that are over. */
export function memorySuite(harness: () => GatewayStoreHarness, store: () => GatewayStore): void {
  const load = (scope: Parameters<GatewayStore['transact']>[0], of = store()): Promise<Snapshot> =>
    of.transact(scope, (snapshot) => ({ changes: [], result: snapshot }));
  const streamAt = async (key: StreamKey): Promise<StreamRow | undefined> =>
    (await load({ streams: [{ key, since: 0 }] })).streams.get(streamKeyText(key));
  const close = (epoch: number, closedAt: number): Change => ({
    type: 'put-epoch',
    row: { epoch: epochId(epoch), subject: 'rep-1', closedAt },
  });

  test('a changed generation is in force at once, survives, and remembers those before it', async () => {
    const first = store().generation;
    expect((await load({})).generations).not.toHaveProperty('mintedIn');
    await write(store(), { type: 'change-generation', generation: generation(1) });
    await write(
      store(),
      { type: 'change-generation', generation: generation(2) },
      { type: 'put-former', generation: generation(9) },
      { type: 'put-former', generation: first },
    );
    const { opening, mintedIn, current, former } = (await load({})).generations;
    expect(store().generation).toBe(generation(2));
    expect(current).toBe(generation(2));
    expect([...former]).toEqual([first, generation(1), generation(9)]);
    expect(mintedIn).toBe(opening);
    await store().close();
    const reopened = await harness().open();
    const found = (await load({}, reopened)).generations;
    expect(found).toMatchObject({ current, mintedIn });
    expect([...found.former]).toEqual([...former]);
    // What several gateways share is opened anew when its server starts.
    expect(found.opening === opening).toBe(harness().isShared);
    await reopened.close();
  });

  test('former generations keep their order, and go when they are removed', async () => {
    const numbers = [9, 3, 7, 1];
    for (const number of numbers)
      await write(store(), { type: 'put-former', generation: generation(number) });
    const former = async (): Promise<readonly GenerationId[]> => [...(await load({})).generations.former];
    expect(await former()).toEqual(numbers.map(generation));
    await write(
      store(),
      { type: 'remove-former', generation: generation(9) },
      { type: 'remove-former', generation: generation(5) },
      { type: 'put-former', generation: generation(9) },
      { type: 'put-former', generation: generation(7) },
    );
    expect(await former()).toEqual([3, 7, 1, 9].map(generation));
    const failed = write(
      store(),
      { type: 'remove-former', generation: generation(3) },
      { type: 'put-former', generation: generation(4) },
      { type: 'delete-queue', name: 'other', at: NOW },
    );
    await expect(failed).rejects.toMatchObject({ code: 'queue-not-found' });
    expect(await former()).toEqual([3, 7, 1, 9].map(generation));
  });

  test('a generation that was changed in a transaction that failed is not in force', async () => {
    const first = store().generation;
    const failed = write(
      store(),
      { type: 'change-generation', generation: generation(1) },
      { type: 'put-former', generation: generation(9) },
      ...pushChanges(streamKey(1), 0, 1),
    );
    await expect(failed).rejects.toMatchObject({ code: 'queue-not-found' });
    expect(store().generation).toBe(first);
    const { generations } = await load({});
    expect(generations).toMatchObject({ current: first, former: new Set() });
    expect(generations).not.toHaveProperty('mintedIn');
  });

  test('a backup has a generation of its own and knows the one that it was made of', async () => {
    const { openBackup } = harness();
    if (openBackup === undefined) return;
    const file = harness().backupFile();
    await store().backup(file);
    const copy = await openBackup(file);
    expect(copy.generation).not.toBe(store().generation);
    expect((await load({}, copy)).generations.former).toEqual(new Set([store().generation]));
    await copy.close();
  });

  test('lost ranges come with their stream, by number, and go when they are removed', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() }, ...pushChanges(streamKey(1), 0, 9));
    expect(await streamAt(streamKey(1))).not.toHaveProperty('lost');
    const later = { ...RANGE, first: 9, last: 9 };
    await write(
      store(),
      { type: 'put-lost', stream: streamKey(1), range: later },
      { type: 'put-lost', stream: streamKey(1), range: RANGE },
    );
    expect(await streamAt(streamKey(1))).toMatchObject({ lost: [RANGE, later] });
    expect(await store().listLost({ limit: 10 })).toEqual({
      ranges: [
        { ...RANGE, stream: streamKey(1) },
        { ...later, stream: streamKey(1) },
      ],
    });
    await write(
      store(),
      { type: 'remove-lost', stream: streamKey(1), first: 3 },
      { type: 'put-lost', stream: streamKey(1), range: { ...RANGE, first: 5 } },
      { type: 'remove-lost', stream: streamKey(2), first: 9 },
    );
    expect(await streamAt(streamKey(1))).toMatchObject({ lost: [{ ...RANGE, first: 5 }, later] });
    const failed = write(
      store(),
      { type: 'remove-lost', stream: streamKey(1), first: 5 },
      { type: 'put-lost', stream: streamKey(1), range: { ...RANGE, first: 1 } },
      { type: 'delete-queue', name: 'other', at: NOW },
    );
    await expect(failed).rejects.toMatchObject({ code: 'queue-not-found' });
    expect(await streamAt(streamKey(1))).toMatchObject({ lost: [{ ...RANGE, first: 5 }, later] });
  });

  test('lost ranges are listed page by page, also while some of them go', async () => {
    const streams = [1, 2, 3].map((epoch) => streamKey(epoch));
    const firsts = [3, 5, 20];
    const records = streams.flatMap((stream) =>
      firsts.map((first) => ({ ...RANGE, first, last: first + 1, stream })),
    );
    await write(store(), { type: 'put-queue', row: queueRow() });
    for (const stream of streams) await write(store(), ...pushChanges(stream, 0, 30));
    await write(
      store(),
      ...records.map(({ stream, ...range }): Change => ({ type: 'put-lost', stream, range })),
    );
    const first = await store().listLost({ limit: 2 });
    const [one, two] = first.ranges;
    if (one === undefined || two === undefined || first.cursor === undefined) throw new Error('no full page');
    await write(store(), { type: 'remove-lost', stream: two.stream, first: two.first });
    const second = await store().listLost({ limit: 5, cursor: first.cursor });
    expect(second.ranges).toHaveLength(5);
    const third = await store().listLost({ limit: 2, ...second });
    expect(third).not.toHaveProperty('cursor');
    const all = [first, second, third].flatMap(({ ranges }) => ranges);
    expect(all).toHaveLength(records.length);
    expect(all).toEqual(expect.arrayContaining(records));
    for (const stream of streams) {
      const ofStream = all.filter(({ stream: other }) => other.epoch === stream.epoch);
      expect(ofStream.map((range) => range.first)).toEqual(firsts);
    }
  });

  test.each(['', '-', 'x', '1.2.3', '1.2.3.4.5', 'z'.repeat(400)])(
    'a cursor that no page of lost ranges ended with is refused: %j',
    async (cursor) => {
      await expect(store().listLost({ cursor, limit: 1 })).rejects.toMatchObject({
        code: 'invalid-request',
      });
    },
  );

  test('devices are listed by id, page by page', async () => {
    for (const number of [3, 1, 2]) await write(store(), { type: 'put-device', row: deviceRow(number) });
    expect(await store().listDevices({ limit: 2 })).toEqual([deviceRow(1), deviceRow(2)]);
    expect(await store().listDevices({ after: deviceId(2), limit: 2 })).toEqual([deviceRow(3)]);
  });

  test('an epoch that was closed for long is retired: nothing is left of it but that it was there', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    for (const epoch of [1, 2, 3]) await write(store(), ...pushChanges(streamKey(epoch), 0, 2));
    await write(
      store(),
      { type: 'refuse', stream: streamKey(1), fate: { number: 3, id: messageId(3), code: 'bad-message' } },
      { type: 'put-lost', stream: streamKey(1), range: RANGE },
      close(1, NOW - 1),
      close(2, NOW),
      { type: 'put-epoch', row: { epoch: epochId(3), subject: 'rep-1' } },
    );
    await retireAll(store());
    const epochs = [1, 2, 3].map(epochId);
    const streams = [1, 2, 3].map((epoch) => ({ key: streamKey(epoch), since: 0 }));
    const snapshot = await load({ epochs, streams });
    expect([...snapshot.retired]).toEqual([epochId(1)]);
    expect([...snapshot.epochs.keys()]).toEqual([epochId(2), epochId(3)]);
    expect([...snapshot.streams.keys()]).toEqual([streamKeyText(streamKey(2)), streamKeyText(streamKey(3))]);
    expect(await store().listLost({ limit: 10 })).toEqual({ ranges: [] });
    // Its messages are the queue's.
    expect(await numbersIn(store())).toHaveLength(6);
    await store().close();
    const reopened = await harness().open();
    expect([...(await load({ epochs }, reopened)).retired]).toEqual([epochId(1)]);
    await write(reopened, ...pushChanges(streamKey(4), 0, 2));
    expect((await load({ streams: [{ key: streamKey(4), since: 0 }] }, reopened)).streams.size).toBe(1);
    await reopened.close();
  });

  test('many epochs with many fates are retired bit by bit, and none of them counts while it goes', async () => {
    const epochs = Array.from({ length: 20 }, (_, index) => epochId(index + 1));
    for (const [index, epoch] of epochs.entries()) {
      const stream = streamKey(index + 1);
      const fates = Array.from({ length: 30 }, (_unused, number): Change => ({
        type: 'refuse',
        stream,
        fate: { number: number + 1, id: messageId(number), code: 'bad-message' },
      }));
      await write(
        store(),
        ...fates,
        { type: 'advance', stream, from: 0, to: 30, id: messageId(30) },
        { type: 'put-epoch', row: { epoch, subject: 'rep-1', closedAt: NOW - index } },
      );
    }
    let calls = 0;
    let retired = 0;
    for (let isDone = false; !isDone; calls++) {
      const result = await store().retireEpochs({ closedBefore: NOW + 1, rowsMax: 50 });
      retired += result.epochs;
      isDone = result.isDone;
      const snapshot = await load({ epochs });
      expect(snapshot.retired.size + snapshot.epochs.size).toBe(epochs.length);
      expect(snapshot.retired.size).toBe(retired);
      expect(calls).toBeLessThan(100);
    }
    expect(retired).toBe(20);
    expect(calls).toBeGreaterThan(3);
    expect(await store().retireEpochs({ closedBefore: NOW + 1, rowsMax: 50 })).toEqual({
      epochs: 0,
      isDone: true,
    });
  });
}

async function retireAll(store: GatewayStore): Promise<void> {
  for (let isDone = false; !isDone;) {
    ({ isDone } = await store.retireEpochs({ closedBefore: NOW, rowsMax: 100 }));
  }
}

function generation(number: number): GenerationId {
  return deviceId(number) as never;
}
