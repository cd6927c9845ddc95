import { bytesFromUuid, type Code, type MessageId } from '@fieldpost/protocol';
import type { BodySchemas } from '../ports/body-schemas.ts';
import type { Conditions } from '../ports/conditions.ts';
import type {
  Change,
  Decision,
  DeliveryTerms,
  NewMessage,
  QueueRow,
  Scope,
  SendRow,
  Snapshot,
} from '../ports/gateway-store.ts';
import { ArrivalList } from './arrival-list.ts';
import { fitsSchema } from './fits-schema.ts';
import { QueueRoom } from './queue-room.ts';
import { newQueueRow } from './queue-settings.ts';
import { routeArrival, type RuleProblem, type RuleWorld } from './route-arrival.ts';
import { sendKeyText } from './snapshot-keys.ts';

/** A message of a server-side producer. */
export interface ProducedMessage {
  readonly queue: string;
  readonly id: MessageId;
  /** Encoded as a device would have encoded them. */
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  readonly terms?: DeliveryTerms;
  /** SHA-256 of what makes two sends the same; absent when the producer named no id, so that none can repeat. */
  readonly contentHash?: Uint8Array;
}

export interface ProduceContext {
  /** Unix milliseconds. */
  readonly now: number;
  /** Given when a message to an unknown queue creates it (development mode). */
  readonly createQueue?: { readonly maxBodyBytes: number };
  /** Has to be given where queues can have rules. */
  readonly conditions?: Conditions;
  readonly schemas?: BodySchemas;
}

/** What the producer hears of a message: the same at every repetition of its id. */
export interface ProducedAnswer {
  readonly id: MessageId;
  /** Unix milliseconds of the first send. */
  readonly sentAt: number;
}

export type ProduceResult =
  | {
      readonly answers: readonly ProducedAnswer[];
      /** Queues that got messages. */
      readonly arrivals: readonly string[];
      /** Rules that could not be followed. */
      readonly ruleProblems: readonly RuleProblem[];
    }
  /** Message `index` is the reason why nothing of the request was stored. */
  | {
      readonly code: ProduceRefusal;
      readonly index: number;
      /** When trying again may help: after how long. */
      readonly retryAfterMs?: number;
    };

export type ProduceRefusal = Extract<
  Code,
  'queue-not-found' | 'too-large' | 'conflict' | 'quota-exceeded' | 'queue-paused' | 'schema-mismatch'
>;

export function scopeOfProduce(messages: readonly ProducedMessage[]): Scope {
  const named = messages.filter((message) => message.contentHash !== undefined);
  return {
    queues: [...new Set(messages.map(({ queue }) => queue))],
    sends: named.map(({ queue, id }) => ({ queue, id })),
  };
}

/**
 * Decides on a send of one or many messages: all of them, or none.
 *
 * @param room what is left of the quotas, where the same transaction makes room
 */
export function decideProduce(
  snapshot: Snapshot,
  messages: readonly ProducedMessage[],
  context: ProduceContext,
  room = new QueueRoom(snapshot.usage),
): Decision<ProduceResult> {
  const changes: Change[] = [];
  const queues = new Map(snapshot.queues);
  const sends = new Map(snapshot.sends);
  const appended = new ArrivalList();
  const rules: RuleWorld = { queues, conditions: context.conditions, problems: [] };
  const answers: ProducedAnswer[] = [];
  for (const [index, message] of messages.entries()) {
    const queue = queues.get(message.queue) ?? newQueue(message.queue, context);
    if (queue === undefined) return { changes: [], result: { code: 'queue-not-found', index } };
    if (!queues.has(queue.name)) {
      queues.set(queue.name, queue);
      changes.push({ type: 'put-queue', row: queue });
    }
    const sendKey = sendKeyText(queue.name, message.id);
    const first = message.contentHash === undefined ? undefined : sends.get(sendKey);
    const refused = first === undefined ? refusalOf(queue, message, context) : conflictWith(first, message);
    if (refused !== undefined) return { changes: [], result: { code: refused, index } };
    answers.push({ id: message.id, sentAt: first?.sentAt ?? context.now });
    if (first !== undefined) continue;
    const arrived = routeArrival(queue, newMessage(message, context.now), rules);
    const held = room.takeAll(arrived);
    if (held !== undefined) return { changes: [], result: { ...held, index } };
    appended.add(arrived);
    if (message.contentHash === undefined) continue;
    const row: SendRow = { id: message.id, contentHash: message.contentHash, sentAt: context.now };
    sends.set(sendKey, row);
    changes.push({ type: 'put-send', queue: queue.name, row });
  }
  const appends = [...appended.changes()];
  changes.push(...appends);
  const arrivals = appends.map((append) => append.queue);
  return { changes, result: { answers, arrivals, ruleProblems: rules.problems } };
}

/** Why a queue will never take a message. */
function refusalOf(
  queue: QueueRow,
  { body }: ProducedMessage,
  { schemas }: ProduceContext,
): ProduceRefusal | undefined {
  if (body.length > queue.maxBodyBytes) return 'too-large';
  return fitsSchema(queue, body, schemas) ? undefined : 'schema-mismatch';
}

function conflictWith(first: SendRow, message: ProducedMessage): ProduceRefusal | undefined {
  return isSameContent(first, message.contentHash) ? undefined : 'conflict';
}

/** The row of a queue made by its first message; undefined where that is not allowed. */
function newQueue(name: string, { now, createQueue }: ProduceContext): QueueRow | undefined {
  if (createQueue === undefined || name.startsWith('sys.')) return undefined;
  return newQueueRow(name, now, createQueue);
}

function newMessage(message: ProducedMessage, now: number): NewMessage {
  const { properties, body, priority, terms } = message;
  const times = { sentAt: now, arrivedAt: now };
  return {
    id: bytesFromUuid(message.id),
    properties,
    body,
    priority,
    ...times,
    ...(terms === undefined ? {} : { terms }),
  };
}

/** Whether an id that was used stands for this content. */
export function isSameContent(row: SendRow, contentHash: Uint8Array | undefined): boolean {
  if (contentHash === undefined || contentHash.length !== row.contentHash.length) return false;
  return row.contentHash.every((byte, index) => byte === contentHash[index]);
}
