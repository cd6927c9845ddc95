import { type MessageId, messageIdFrom } from '@fieldpost/protocol';
import type { Decision, Scope, SendRow, SettleRequest, Snapshot } from '../ports/gateway-store.ts';
import type { Settlement } from '../ports/queue-calls.ts';
import {
  decideProduce,
  isSameContent,
  type ProduceContext,
  type ProducedAnswer,
  type ProducedMessage,
  type ProduceResult,
  scopeOfProduce,
} from './produce.ts';
import { isJournal, parentOf } from './queue-address.ts';
import { QueueRoom } from './queue-room.ts';
import { leaseKeyText, sendKeyText } from './snapshot-keys.ts';

/** A consumer's word on leases and what it sends because of them: all of it, or nothing. */
export interface QueueTransaction {
  /** In the order of the request. */
  readonly settle: readonly TransactionSettlement[];
  readonly send: readonly TransactionMessage[];
  /** SHA-256 of all that is settled and sent. */
  readonly contentHash: Uint8Array;
}

export interface TransactionSettlement {
  /** A queue or a subqueue. */
  readonly queue: string;
  readonly settlement: Settlement;
}

export interface TransactionMessage extends ProducedMessage {
  /**
   * Ten bytes that `id` was made of when the sender named none: of the transaction's content, so that a repetition has
   * the same ids.
   */
  readonly idSeed?: Uint8Array;
}

export type TransactionResult =
  | Exclude<ProduceResult, { readonly code: string }>
  /** Message `index` is the reason why nothing was done. */
  | Extract<ProduceResult, { readonly code: string }>
  /** Settlement `settleIndex` is the reason why nothing was done. */
  | { readonly code: 'lease-lost' | 'queue-not-found'; readonly settleIndex: number };

/** What a transaction looks at, leases as they are at `now`. */
export function scopeOfTransaction(transaction: QueueTransaction, now: number): Scope {
  const produce = scopeOfProduce(transaction.send);
  const memory = memoryOf(transaction);
  return {
    queues: [
      ...new Set([...transaction.settle.map(({ queue }) => parentOf(queue)), ...(produce.queues ?? [])]),
    ],
    sends: [...(produce.sends ?? []), ...(memory === undefined ? [] : [memory])],
    leases: {
      now,
      receipts: transaction.settle.map(({ queue, settlement: { receipt } }) => ({ queue, receipt })),
    },
  };
}

/**
 * Decides on a transaction. A lease is settled once, so the very same transaction can only be a repetition: it is
 * answered as the first time, from the note that the first one left in the queue of its first settlement.
 */
export function decideTransaction(
  snapshot: Snapshot,
  transaction: QueueTransaction,
  context: ProduceContext,
): Decision<TransactionResult> {
  const memory = memoryOf(transaction);
  const first = memory === undefined ? undefined : snapshot.sends.get(sendKeyText(memory.queue, memory.id));
  if (first !== undefined && isSameContent(first, transaction.contentHash))
    return { changes: [], result: firstAnswer(snapshot, transaction, first) };
  const refused = checkSettlements(snapshot, transaction);
  if (refused !== undefined) return { changes: [], result: refused };
  const produced = decideProduce(snapshot, transaction.send, context, roomAfter(snapshot, transaction));
  if ('code' in produced.result || memory === undefined) return produced;
  const row: SendRow = { id: memory.id, contentHash: transaction.contentHash, sentAt: context.now };
  return {
    changes: [
      ...produced.changes,
      { type: 'put-send', queue: memory.queue, row },
      { type: 'settle', requests: requestsOf(transaction, context.now) },
    ],
    result: produced.result,
  };
}

/** Where a transaction is remembered; nowhere without settlements: then the ids of its messages tell a repetition. */
function memoryOf({
  settle: [first],
  contentHash,
}: QueueTransaction): { readonly queue: string; readonly id: MessageId } | undefined {
  return first === undefined ? undefined : { queue: parentOf(first.queue), id: idOfContent(contentHash) };
}

const ID_BYTES = 10;

/** The hash as the id of a producer; at no time that a producer would take, so that it meets no id of a message. */
function idOfContent(contentHash: Uint8Array): MessageId {
  return messageIdFrom(0, contentHash.subarray(0, ID_BYTES));
}

function firstAnswer(
  snapshot: Snapshot,
  { send }: QueueTransaction,
  { sentAt: doneAt }: SendRow,
): TransactionResult {
  const answers = send.map(({ queue, id, idSeed }): ProducedAnswer => {
    if (idSeed !== undefined) return { id: messageIdFrom(doneAt, idSeed), sentAt: doneAt };
    return { id, sentAt: snapshot.sends.get(sendKeyText(queue, id))?.sentAt ?? doneAt };
  });
  return { answers, arrivals: [], ruleProblems: [] };
}

function checkSettlements(snapshot: Snapshot, { settle }: QueueTransaction): TransactionResult | undefined {
  for (const [settleIndex, { queue, settlement }] of settle.entries()) {
    if (!snapshot.queues.has(parentOf(queue))) return { code: 'queue-not-found', settleIndex };
    if (!snapshot.leases.has(leaseKeyText(queue, settlement.receipt)))
      return { code: 'lease-lost', settleIndex };
  }
  return undefined;
}

/** What is acknowledged leaves: an agent that passes work on within a full queue is not held back by the work itself. */
function roomAfter(snapshot: Snapshot, { settle }: QueueTransaction): QueueRoom {
  const room = new QueueRoom(snapshot.usage);
  for (const { queue, settlement } of settle) {
    const row = snapshot.queues.get(parentOf(queue));
    const lease = snapshot.leases.get(leaseKeyText(queue, settlement.receipt));
    if (settlement.type === 'ack' && row !== undefined && lease !== undefined && !isJournal(queue))
      room.free(row, lease.bytes);
  }
  return room;
}

function requestsOf({ settle }: QueueTransaction, now: number): SettleRequest[] {
  const byQueue = new Map<string, Settlement[]>();
  for (const { queue, settlement } of settle) {
    const list = byQueue.get(queue);
    if (list === undefined) byQueue.set(queue, [settlement]);
    else list.push(settlement);
  }
  return [...byQueue].map(([queue, settlements]) => ({ queue, settlements, now }));
}
