import { decodeProperties, invariant } from '@fieldpost/protocol';
import type { ArrivingMessage, Conditions } from '../ports/conditions.ts';
import type { DeliveryTerms, NewMessage, QueueRow, QueueRule } from '../ports/gateway-store.ts';
import { continueStory } from './message-story.ts';

/** Where an arriving message goes by the rules of its queue. */
export interface Arrival {
  readonly queue: QueueRow;
  readonly message: NewMessage;
}

/** A rule that could not be followed: its message stayed where it was. */
export interface RuleProblem {
  readonly queue: string;
  readonly rule: string;
  readonly to: string;
  readonly code: 'queue-not-found' | 'too-large' | 'too-many-hops';
}

/** What rules are followed with. */
export interface RuleWorld {
  /** The rows of all queues that the rules lead to, and theirs in turn. */
  readonly queues: ReadonlyMap<string, QueueRow>;
  /** Has to be given where a queue has rules. */
  readonly conditions: Conditions | undefined;
  readonly problems: RuleProblem[];
}

/** Queues that a message passes through, at most, with the one that it was sent to. */
export const RULE_HOPS_MAX = 8;

/**
 * Follows the rules from the queue that a message was sent to. It comes into every queue at most once, whichever way
 * leads there, so rules in a circle end by themselves.
 */
export function routeArrival(queue: QueueRow, message: NewMessage, world: RuleWorld): readonly Arrival[] {
  if (queue.rules.length === 0) return [{ queue, message }];
  const arrivals: Arrival[] = [];
  enter({ world, arrivals, seen: new Set([queue.name]), asks: askerOf(queue, message) }, queue, message, 1);
  return arrivals;
}

interface Route {
  readonly world: RuleWorld;
  readonly arrivals: Arrival[];
  readonly seen: Set<string>;
  readonly asks: ArrivingMessage;
}

/** The first forward that holds takes the message away from here; copies are made of it on the way. */
function enter(route: Route, queue: QueueRow, message: NewMessage, hops: number): void {
  for (const rule of queue.rules) {
    if (!isMet(route, rule, queue)) continue;
    const target = targetOf(route, queue, rule, message, hops);
    if (target === undefined) continue;
    route.seen.add(target.name);
    enter(route, target, sentOn(message, queue, rule), hops + 1);
    if (rule.action === 'forward') return;
  }
  route.arrivals.push({ queue, message });
}

function isMet({ world: { conditions }, asks }: Route, rule: QueueRule, queue: QueueRow): boolean {
  if (rule.when === undefined) return true;
  invariant(conditions !== undefined, `queue "${queue.name}" has rules, and nothing evaluates them`);
  return conditions.compile(rule.when)({ ...asks, queue: queue.name });
}

/** The row of the queue that a rule leads to; undefined when the message cannot go there, or was there. */
function targetOf(
  { world, seen }: Route,
  queue: QueueRow,
  rule: QueueRule,
  message: NewMessage,
  hops: number,
): QueueRow | undefined {
  if (seen.has(rule.to)) return undefined;
  const target = world.queues.get(rule.to);
  const code =
    target === undefined
      ? 'queue-not-found'
      : hops >= RULE_HOPS_MAX
        ? 'too-many-hops'
        : message.body.length > target.maxBodyBytes
          ? 'too-large'
          : undefined;
  if (code === undefined) return target;
  world.problems.push({ queue: queue.name, rule: rule.name, to: rule.to, code });
  return undefined;
}

function sentOn(message: NewMessage, { name }: QueueRow, { action }: QueueRule): NewMessage {
  const code = action === 'forward' ? 'forwarded' : 'copied';
  return {
    ...message,
    ...(action === 'copy' && message.terms !== undefined ? { terms: ofCopy(message.terms) } : {}),
    story: continueStory(message.story, { queue: name, code, at: message.arrivedAt }, 0),
  };
}

/** What becomes of a copy is not the fate of the message. */
function ofCopy(terms: DeliveryTerms): DeliveryTerms {
  const { tellsFate: _, ...others } = terms;
  return others;
}

function askerOf({ name }: QueueRow, message: NewMessage): ArrivingMessage {
  const { properties, body, priority, origin } = message;
  return {
    queue: name,
    priority,
    device: origin?.device ?? '',
    properties: properties.length === 0 ? {} : decodeProperties(properties),
    body,
  };
}
