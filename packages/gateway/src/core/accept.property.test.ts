import { packEntries, type Push, type Run, streamKeyText, uuidFromBytes } from '@fieldpost/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceId, epochId, generationId, messageBytes, messageId, push } from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { decideAccept } from './accept.ts';
import { readPush } from './read-push.ts';

/**
 * A device whose starts (epochs) follow each other saves messages to a few lanes, in one save order. The network then
 * delivers runs of them in any cut, order and number of copies, with old ones among them, and now and then the device
 * rewinds to what the gateway has. Whatever happens: each message is in its queue at most once, in save order of its
 * lane, and once the device sends the rest in order, exactly once.
 */
interface Saved {
  readonly id: number;
  readonly epoch: number;
  readonly priority: number;
  readonly number: number;
}

const PRIORITIES = [2, 5];

const savedMessages = fc
  .array(fc.record({ newEpoch: fc.boolean(), priority: fc.constantFrom(...PRIORITIES) }), {
    minLength: 1,
    maxLength: 24,
  })
  .map((saves): Saved[] => {
    const numbers = new Map<string, number>();
    let epoch = 1;
    return saves.map(({ newEpoch, priority }, index) => {
      if (newEpoch) epoch++;
      const number = (numbers.get(`${epoch}/${priority}`) ?? 0) + 1;
      numbers.set(`${epoch}/${priority}`, number);
      return { id: index + 1, epoch, priority, number };
    });
  });

/** A piece of a lane in save order, sent as one push: from a message on, so many of them. */
const deliveries = fc.array(
  fc.record({
    priority: fc.constantFrom(...PRIORITIES),
    from: fc.nat(23),
    count: fc.integer({ min: 1, max: 8 }),
    attempt: fc.nat(2),
  }),
  { maxLength: 40 },
);

test('any cut, order, repetition and loss of pushes gives each message once, in order', () => {
  fc.assert(
    fc.property(savedMessages, deliveries, (saved, sent) => {
      const rows = new SampleRows();
      const attempts = new Map<string, number>();
      for (const { priority, from, count, attempt } of sent) {
        const lane = laneOf(saved, priority);
        const piece = lane.slice(from, from + count);
        if (piece.length === 0) continue;
        deliver(rows, push(runsOf(lane, piece, attempt)), attempts);
        checkOrder(rows, saved);
      }
      for (const priority of PRIORITIES) {
        const lane = laneOf(saved, priority);
        if (lane.length > 0) deliver(rows, push(runsOf(lane, lane, 3)), attempts);
      }
      expect(idsByPriority(rows)).toEqual(
        PRIORITIES.map((priority) => laneOf(saved, priority).map(({ id }) => messageId(id))),
      );
    }),
    { numRuns: 1500 },
  );
});

test('what a state says is accepted is what the rows hold, and never shrinks', () => {
  fc.assert(
    fc.property(savedMessages, deliveries, (saved, sent) => {
      const rows = new SampleRows();
      const told = new Map<string, number>();
      for (const { priority, from, count } of sent) {
        const lane = laneOf(saved, priority);
        const piece = lane.slice(from, from + count);
        if (piece.length === 0) continue;
        const { reply } = deliver(rows, push(runsOf(lane, piece, 0)), new Map());
        if (reply.type !== 'ack') throw new TypeError('fenced');
        for (const state of reply.streams) {
          const key = streamKeyText(state);
          expect(state.accepted).toBe(rows.accepted(state));
          expect(state.accepted).toBeGreaterThanOrEqual(told.get(key) ?? 0);
          told.set(key, state.accepted);
          const last = saved.find(
            (message) =>
              epochId(message.epoch) === state.epoch &&
              message.priority === priority &&
              message.number === state.accepted,
          );
          expect(state.acceptedId).toBe(last === undefined ? undefined : messageId(last.id));
        }
      }
    }),
    { numRuns: 500 },
  );
});

function laneOf(saved: readonly Saved[], priority: number): Saved[] {
  return saved.filter((message) => message.priority === priority);
}

/** The runs of consecutive messages of a lane: a new one at each epoch, with what came before it as its predecessor. */
function runsOf(lane: readonly Saved[], piece: readonly Saved[], attempt: number): Run[] {
  const runs: Run[] = [];
  let members: Saved[] = [];
  const finish = (): void => {
    const [first] = members;
    if (first === undefined) return;
    const before = lane[lane.indexOf(first) - 1];
    const isElsewhere = before !== undefined && before.epoch !== first.epoch;
    runs.push({
      epoch: epochId(first.epoch),
      queue: 'orders',
      priority: first.priority,
      first: first.number,
      acknowledged: 0,
      attempt,
      ageMs: 0,
      messages: packEntries(members.map(({ id }) => messageBytes(id))),
      ...(isElsewhere ? { after: { epoch: epochId(before.epoch), number: before.number } } : {}),
    });
    members = [];
  };
  for (const message of piece) {
    if (members.at(-1)?.epoch !== message.epoch) finish();
    members.push(message);
  }
  finish();
  return runs;
}

function deliver(
  rows: SampleRows,
  frame: Push,
  attempts: Map<string, number>,
): ReturnType<typeof decideAccept>['result'] {
  const context = {
    device: deviceId(1),
    subject: 'rep',
    grants: { send: ['*'], receive: [], manage: [] },
    now: 0,
    attempts,
    freshGeneration: generationId(99),
    fatesMax: 1,
  };
  const { changes, result } = decideAccept(rows.above(0), readPush(frame), context);
  rows.apply(changes);
  for (const run of frame.runs) {
    const key = streamKeyText(run);
    attempts.set(key, Math.max(attempts.get(key) ?? 0, run.attempt));
  }
  return result;
}

function checkOrder(rows: SampleRows, saved: readonly Saved[]): void {
  for (const [index, priority] of PRIORITIES.entries()) {
    const expected = laneOf(saved, priority).map(({ id }) => messageId(id));
    const stored = idsByPriority(rows)[index] ?? [];
    expect(stored).toEqual(expected.slice(0, stored.length));
  }
}

function idsByPriority(rows: SampleRows): string[][] {
  const messages = rows.messages.get('orders') ?? [];
  return PRIORITIES.map((priority) =>
    messages.filter((message) => message.priority === priority).map(({ id }) => uuidFromBytes(id)),
  );
}
