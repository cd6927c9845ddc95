import { bytesFromUuid, encodeProperties } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { CelConditions } from '../adapters/cel-conditions.ts';
import type { NewMessage, QueueRow, QueueRule, QueueSettings } from '../ports/gateway-store.ts';
import { messageId } from '../testing/sample-frames.ts';
import { newQueueRow } from './queue-settings.ts';
import { routeArrival, RULE_HOPS_MAX, type RuleProblem } from './route-arrival.ts';

const forward = (to: string, when?: string): QueueRule => rule('forward', to, when);
const copy = (to: string, when?: string): QueueRule => rule('copy', to, when);

describe('rules of a queue', () => {
  test('without any, a message stays', () => {
    expect(routed({ orders: [] })).toEqual(['orders']);
  });

  test('the first forward that holds takes the message away; later rules do not see it', () => {
    const rules = [forward('low', 'priority < 2'), forward('east', 'label == "east"'), copy('audit')];
    expect(routed({ orders: rules, low: [], east: [], audit: [] })).toEqual(['east']);
  });

  test('copies leave it where it is, and those before a forward are made', () => {
    expect(routed({ orders: [copy('audit'), copy('stats')], audit: [], stats: [] })).toEqual([
      'audit',
      'stats',
      'orders',
    ]);
    expect(routed({ orders: [copy('audit'), forward('east'), copy('never')], audit: [], east: [] })).toEqual([
      'audit',
      'east',
    ]);
  });

  test('the rules of the next queue are followed in turn, with its name', () => {
    const queues = {
      orders: [forward('east')],
      east: [copy('audit', 'queue == "east"'), copy('never', 'queue == "orders"')],
      audit: [],
      never: [],
    };
    expect(routed(queues)).toEqual(['audit', 'east']);
  });

  test('a message comes into each queue at most once: circles end, and two ways make one copy', () => {
    expect(routed({ a: [copy('b')], b: [copy('c')], c: [copy('a')] }, 'a')).toEqual(['c', 'b', 'a']);
    expect(routed({ a: [forward('b')], b: [forward('a')] }, 'a')).toEqual(['b']);
    expect(routed({ a: [copy('b'), copy('c')], b: [copy('c')], c: [] }, 'a')).toEqual(['c', 'b', 'a']);
  });

  test('a chain ends after its hops, with the message in the last queue that it reached', () => {
    const names = Array.from({ length: RULE_HOPS_MAX + 3 }, (_, index) => `q${index}`);
    const queues = Object.fromEntries(
      names.map((name, index) => [name, index + 1 < names.length ? [forward(`q${index + 1}`)] : []]),
    );
    const problems: RuleProblem[] = [];
    expect(routed(queues, 'q0', problems)).toEqual([`q${RULE_HOPS_MAX - 1}`]);
    expect(problems).toMatchObject([{ queue: `q${RULE_HOPS_MAX - 1}`, code: 'too-many-hops' }]);
  });

  test('a rule that cannot be followed leaves the message where it is, and is told', () => {
    const problems: RuleProblem[] = [];
    expect(routed({ orders: [forward('gone'), copy('tiny')], tiny: [] }, 'orders', problems)).toEqual([
      'orders',
    ]);
    expect(problems).toEqual([
      { queue: 'orders', rule: 'forward gone', to: 'gone', code: 'queue-not-found' },
      { queue: 'orders', rule: 'copy tiny', to: 'tiny', code: 'too-large' },
    ]);
  });

  test('what was sent on tells where it came by', () => {
    const rows = rowsOf({ orders: [copy('east')], east: [forward('far')], far: [] });
    const world = { queues: rows, conditions: new CelConditions(), problems: [] };
    const [far, own] = routeArrival(rowOf(rows, 'orders'), MESSAGE, world);
    expect(own?.message).toEqual(MESSAGE);
    expect(far?.message).toEqual({
      ...MESSAGE,
      story: {
        deliveries: 0,
        entries: [
          { queue: 'orders', code: 'copied', at: 7, deliveries: 0 },
          { queue: 'east', code: 'forwarded', at: 7, deliveries: 0 },
        ],
      },
    });
  });
});

const MESSAGE: NewMessage = {
  id: bytesFromUuid(messageId(1)),
  properties: encodeProperties({ label: 'east' }),
  body: new TextEncoder().encode('{"total":5}'),
  priority: 3,
  sentAt: 5,
  arrivedAt: 7,
};

function rule(action: QueueRule['action'], to: string, when?: string): QueueRule {
  return { name: `${action} ${to}`, action, to, ...(when === undefined ? {} : { when }) };
}

function rowsOf(queues: Readonly<Record<string, readonly QueueRule[]>>): Map<string, QueueRow> {
  return new Map(
    Object.entries(queues).map(([name, rules]) => {
      const settings: Partial<QueueSettings> = name === 'tiny' ? { rules, maxBodyBytes: 1 } : { rules };
      return [name, newQueueRow(name, 0, settings)];
    }),
  );
}

function rowOf(rows: ReadonlyMap<string, QueueRow>, name: string): QueueRow {
  return rows.get(name) ?? newQueueRow(name, 0);
}

/** The queues that the message comes into, in the order in which it does. */
function routed(
  queues: Readonly<Record<string, readonly QueueRule[]>>,
  first = 'orders',
  problems: RuleProblem[] = [],
): string[] {
  const rows = rowsOf(queues);
  const world = { queues: rows, conditions: new CelConditions(), problems };
  return routeArrival(rowOf(rows, first), MESSAGE, world).map(({ queue }) => queue.name);
}
