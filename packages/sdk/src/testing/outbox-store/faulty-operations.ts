import {
  type DeviceId,
  type EpochId,
  type GenerationId,
  type SessionNonce,
  type StreamKey,
  unpackEntries,
} from '@fieldpost/protocol';
import type { DeadLetter, OutboxStore, Reopening, Settlement } from '../../ports/outbox-store.ts';
import { letterOf } from './letter-of.ts';
import { draftOf, numbersOf, type OutboxBench, saveDrafts } from './outbox-place.ts';

/** What a call left: nothing of it, all of it once, or anything else. */
export type StorageState = 'untouched' | 'done' | 'half done';

/** A call that writes, made again and again under faults. Each object is used for one place at a time. */
export interface FaultyOperation {
  readonly name: string;
  /** Whether it puts anything; what only removes works without space. */
  readonly needsSpace: boolean;
  prepare(bench: OutboxBench, store: OutboxStore): Promise<void>;
  run(store: OutboxStore): Promise<unknown>;
  inspect(store: OutboxStore): Promise<StorageState>;
}

const TAKEN = { holder: 'tab', until: 2000, now: 1000 };

export const faultyOperations: readonly FaultyOperation[] = [
  saving('save', async () => undefined),
  saving('first save of a handle', async (bench, epoch) => {
    // Everything known of the epoch was written by another handle.
    await saveDrafts(await bench.open(), epoch, bench.uuid(), [draftOf([bench.message()])]);
  }),
  settling(),
  reopening(),
  renewing(),
  trimming(),
  discarding(),
  takingBack(),
  expiring(),
];

/** Two segments in one save, after one that is there; with a supplied id. */
function saving(
  name: string,
  meanwhile: (bench: OutboxBench, epoch: EpochId) => Promise<void>,
): FaultyOperation {
  let run: FaultyOperation['run'] = () => Promise.resolve();
  let before = 0;
  return {
    name,
    needsSpace: true,
    prepare: async (bench, store) => {
      const epoch = bench.epoch();
      const write = bench.uuid();
      const message = bench.message();
      const drafts = [
        draftOf([bench.message(), message], { suppliedIds: [message.id] }),
        draftOf([bench.message()], { queue: 'visits' }),
      ];
      await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]);
      await meanwhile(bench, epoch);
      before = (await store.listSegments({ after: 0 })).length;
      run = (handle) => saveDrafts(handle, epoch, write, drafts);
    },
    run: (store) => run(store),
    inspect: async (store) => {
      const segments = await store.listSegments({ after: 0 });
      const added = numbersOf(segments.slice(before)).join(' ');
      if (added === '') return 'untouched';
      const wanted = `${before + 1}-${before + 2} 1`;
      const bodies = await store.loadSegments({ after: 0, bytesMax: 1e9 });
      return added === wanted && bodies.every(({ messages }) => messages !== undefined)
        ? 'done'
        : 'half done';
    },
  };
}

/** Marks, dead letters and the log's record in one settlement. */
function settling(): FaultyOperation {
  let settlement: Settlement = {};
  return {
    name: 'settle',
    needsSpace: true,
    prepare: async (bench, store) => {
      const letters = [letterOf(bench), letterOf(bench)];
      const marks = letters.map(({ stream, id }) => ({ stream, acknowledged: 9, acknowledgedId: id }));
      settlement = { marks, deadLetters: letters, settledUpTo: 4 };
      await store.lease(TAKEN);
    },
    run: (store) => store.settle('tab', settlement),
    inspect: async (store) => {
      const { streams, settledUpTo } = await store.readLog();
      const letters = await store.listDeadLetters();
      const parts = [streams.length === 2, settledUpTo === 4, letters.length === 2];
      if (parts.every(Boolean)) return 'done';
      const none = streams.length === 0 && settledUpTo === 0 && letters.length === 0;
      return none ? 'untouched' : 'half done';
    },
  };
}

/** A mark of five messages, of which the gateway has two. */
function reopening(): FaultyOperation {
  let request: Reopening | undefined;
  return {
    name: 'reopen',
    needsSpace: true,
    prepare: async (bench, store) => {
      const epoch = bench.epoch();
      const stream = { epoch, queue: 'orders', priority: 3 };
      for (let n = 0; n < 5; n++) await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]);
      const session = { number: 3, nonce: '0123456789abcdef' as SessionNonce };
      const generation = bench.uuid() as GenerationId;
      const id = bench.message().id;
      await store.lease(TAKEN);
      await store.settle('tab', { marks: [{ stream, acknowledged: 5, acknowledgedId: id }], settledUpTo: 5 });
      request = { streams: [{ stream, accepted: 2, acceptedId: id, lost: [] }], session, generation };
    },
    run: async (store) => (request === undefined ? undefined : store.reopen('tab', request)),
    inspect: async (store) => {
      const { streams, settledUpTo, generation, reopenings, session } = await store.readLog();
      const [mark] = streams;
      const isDone = [
        mark?.acknowledged === 2 && mark.reopened?.upTo === 5,
        settledUpTo === 2,
        reopenings === 1,
        generation === request?.generation,
        session?.number === 3,
      ];
      if (isDone.every(Boolean)) return 'done';
      const none = [mark?.acknowledged === 5, settledUpTo === 5, reopenings === 0, session === undefined];
      return none.every(Boolean) ? 'untouched' : 'half done';
    },
  };
}

function renewing(): FaultyOperation {
  let ids: { readonly from: DeviceId; readonly to: DeviceId } | undefined;
  return {
    name: 'renew the device',
    needsSpace: true,
    prepare: async (bench, store) => {
      const { device } = await store.readLog();
      ids = { from: device ?? bench.device(), to: bench.device() };
      await store.lease(TAKEN);
      await store.settle('tab', { session: { number: 3, nonce: '0123456789abcdef' as SessionNonce } });
    },
    run: async (store) => (ids === undefined ? undefined : store.renewDevice(ids)),
    inspect: async (store) => {
      const { device, session } = await store.readLog();
      if (device === ids?.to && session === undefined) return 'done';
      return device === ids?.from && session !== undefined ? 'untouched' : 'half done';
    },
  };
}

/** Three settled segments, two of them with supplied ids. */
function trimming(): FaultyOperation {
  return {
    name: 'trim',
    needsSpace: true,
    prepare: async (bench, store) => {
      for (const supplied of [true, true, false]) {
        const message = bench.message();
        const draft = draftOf([message], supplied ? { suppliedIds: [message.id] } : {});
        await saveDrafts(store, bench.epoch(), bench.uuid(), [draft]);
      }
      await store.lease(TAKEN);
      await store.settle('tab', {
        settledUpTo: (await store.listSegments({ after: 0 })).at(-1)?.position ?? 0,
      });
    },
    run: (store) => store.trim({ savedBefore: 0, keepBytes: 0 }),
    inspect: async (store) => {
      const { length } = await store.listSegments({ after: 0 });
      return length === 0 ? 'done' : length === 3 ? 'untouched' : 'half done';
    },
  };
}

function discarding(): FaultyOperation {
  let letter: DeadLetter | undefined;
  return {
    name: 'discard a dead letter',
    needsSpace: false,
    prepare: async (bench, store) => {
      letter = letterOf(bench);
      await store.lease(TAKEN);
      await store.settle('tab', { deadLetters: [letter] });
    },
    run: async (store) => (letter === undefined ? undefined : store.discardDeadLetter(letter.id)),
    inspect: async (store) => ((await store.listDeadLetters()).length === 0 ? 'done' : 'untouched'),
  };
}

/** One of two messages of a segment. */
function takingBack(): FaultyOperation {
  let stream: StreamKey | undefined;
  return {
    name: 'take a message back',
    needsSpace: true,
    prepare: async (bench, store) => {
      const drafts = [draftOf([bench.message(), bench.message()])];
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), drafts);
      stream = segments[0]?.stream;
    },
    run: async (store) => (stream === undefined ? undefined : store.cancel({ stream, number: 2 })),
    inspect: (store) => stateOfSkip(store),
  };
}

/** The same, with its dead letter. */
function expiring(): FaultyOperation {
  let settlement: Settlement = {};
  return {
    name: 'expire a message',
    needsSpace: true,
    prepare: async (bench, store) => {
      const messages = [bench.message(), bench.message()];
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), [draftOf(messages)]);
      const [key] = segments;
      const [, message] = messages;
      if (key === undefined || message === undefined) throw new Error('nothing was saved');
      const fate = { stream: key.stream, number: 2, id: message.id, code: 'receive-timeout' };
      const letter = letterOf(bench, { ...fate, state: 'expired' });
      settlement = { deadLetters: [letter], expired: [{ ...fate, isFinal: true }] };
      await store.lease(TAKEN);
    },
    run: (store) => store.settle('tab', settlement),
    inspect: async (store) => {
      const { length } = await store.listDeadLetters();
      const state = await stateOfSkip(store);
      return length === (state === 'done' ? 1 : 0) ? state : 'half done';
    },
  };
}

/** Of a segment of two messages, the second of which becomes a skip for good. */
async function stateOfSkip(store: OutboxStore): Promise<StorageState> {
  const { skips } = await store.readLog();
  const [segment] = await store.loadSegments({ after: 0, bytesMax: 1e9 });
  const [first, second] = unpackEntries(segment?.messages ?? new Uint8Array(0), 2);
  const isWhole = first !== undefined && first.length > 16;
  const isHollow = second?.length === 16;
  if (!isWhole || isHollow !== (skips.length === 1)) return 'half done';
  return isHollow ? 'done' : 'untouched';
}
