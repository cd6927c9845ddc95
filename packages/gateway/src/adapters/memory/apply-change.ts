import {
  type GenerationId,
  invariant,
  LIMITS,
  type MessageId,
  type StreamKey,
  streamKeyText,
  unreachable,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { parentOf } from '../../core/queue-address.ts';
import { leaseLost, requireEachOnce } from '../../core/settle-all.ts';
import { StoreError } from '../../core/store-error.ts';
import type { Change, NewMessage, NumberedFate, SettleRequest } from '../../ports/gateway-store.ts';
import {
  createMemoryQueue,
  inQueueOrder,
  type MemoryDisk,
  type MemoryQueue,
  type MemoryStream,
} from './memory-disk.ts';
import { insertMessage, removeMessage } from './memory-messages.ts';
import { confirmNotices, tellFate } from './memory-notices.ts';
import { leasedMessage, settleLeases } from './settle-leases.ts';

/** Takes back what a change did. */
export type Undo = () => void;

/** Writes one change and notes in `undo` how to take it back; throws when it cannot be written. */
export function applyChange(disk: MemoryDisk, change: Change, undo: Undo[]): void {
  switch (change.type) {
    case 'put-device':
      return put(disk.devices, change.row.device, change.row, undo);
    case 'put-epoch':
      return put(disk.epochs, change.row.epoch, change.row, undo);
    case 'append':
      return append(queueNamed(disk, change.queue), change.messages, undo);
    case 'advance':
      return advance(disk, change, undo);
    case 'refuse':
      return addFate(streamOf(disk, change.stream, undo).refusals, change.fate, undo);
    case 'skip':
      return addFate(streamOf(disk, change.stream, undo).skips, change.fate, undo);
    case 'put-lost':
      return put(streamOf(disk, change.stream, undo).lost, change.range.first, change.range, undo);
    case 'remove-lost':
      return remove(streamOf(disk, change.stream, undo).lost, change.first, undo);
    case 'change-generation':
      return changeGeneration(disk, change.generation, undo);
    case 'put-former':
      return changeFormer(disk, (former) => former.add(change.generation), undo);
    case 'remove-former':
      return changeFormer(disk, (former) => former.delete(change.generation), undo);
    case 'put-queue':
      return putQueue(disk, change.row, undo);
    case 'delete-queue':
      return deleteQueue(disk, change, undo);
    case 'put-send':
      return put(queueNamed(disk, change.queue).sends, change.row.id, change.row, undo);
    case 'confirm-notices':
      undo.push(confirmNotices(disk, change.device, change.upTo));
      return;
    case 'settle':
      return settleAll(disk, change.requests);
    default:
      return unreachable(change);
  }
}

/** The queue of this name; fails with `queue-not-found`. */
export function queueNamed(disk: MemoryDisk, name: string): MemoryQueue {
  const queue = disk.queues.get(name);
  if (queue === undefined) throw new StoreError('queue-not-found', `no queue is named "${name}"`);
  return queue;
}

function put<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row, undo: Undo[]): void {
  const before = rows.get(key);
  undo.push(() => (before === undefined ? rows.delete(key) : rows.set(key, before)));
  rows.set(key, row);
}

function remove<Key, Row>(rows: Map<Key, Row>, key: Key, undo: Undo[]): void {
  const before = rows.get(key);
  if (before === undefined) return;
  undo.push(() => rows.set(key, before));
  rows.delete(key);
}

function changeGeneration(disk: MemoryDisk, generation: GenerationId, undo: Undo[]): void {
  const { generation: before, mintedIn } = disk;
  undo.push(() => {
    disk.generation = before;
    disk.mintedIn = mintedIn;
  });
  disk.generation = generation;
  disk.mintedIn = disk.opening;
  changeFormer(disk, (former) => former.add(before), undo);
}

function changeFormer(disk: MemoryDisk, change: (former: Set<GenerationId>) => unknown, undo: Undo[]): void {
  const before = [...disk.formerGenerations];
  undo.push(() => {
    disk.formerGenerations.clear();
    for (const generation of before) disk.formerGenerations.add(generation);
  });
  change(disk.formerGenerations);
}

function append(queue: MemoryQueue, messages: readonly NewMessage[], undo: Undo[]): void {
  for (const message of messages) {
    invariant(
      Number.isInteger(message.priority) && message.priority >= 0 && message.priority <= LIMITS.priorityMax,
      `a priority is 0 to ${LIMITS.priorityMax}, not ${message.priority}`,
    );
    const origin = message.origin;
    // The bytes are views on a frame that is gone when the next one arrives: keep copies.
    const inserted = insertMessage(queue, {
      id: uuidFromBytes(message.id) as MessageId,
      properties: message.properties.slice(),
      body: message.body.slice(),
      priority: message.priority,
      sentAt: message.sentAt,
      arrivedAt: message.arrivedAt,
      origin,
      story: message.story,
      terms: message.terms,
    });
    undo.push(() => removeMessage(queue, inserted));
  }
}

function advance(disk: MemoryDisk, change: Extract<Change, { type: 'advance' }>, undo: Undo[]): void {
  const stream = streamOf(disk, change.stream, undo);
  const { accepted, acceptedId } = stream;
  if (accepted !== change.from) {
    const { epoch, queue, priority } = change.stream;
    throw new StoreError(
      'conflict',
      `stream (${epoch}, ${queue}, ${priority}) stands at ${accepted}, not at ${change.from}: decide on a fresh snapshot`,
    );
  }
  undo.push(() => {
    stream.accepted = accepted;
    stream.acceptedId = acceptedId;
  });
  stream.accepted = change.to;
  stream.acceptedId = change.id;
}

function streamOf(disk: MemoryDisk, key: StreamKey, undo: Undo[]): MemoryStream {
  const text = streamKeyText(key);
  const known = disk.streams.get(text);
  if (known !== undefined) return known;
  const stream: MemoryStream = {
    key: { epoch: key.epoch, queue: key.queue, priority: key.priority },
    accepted: 0,
    acceptedId: undefined,
    refusals: new Map(),
    skips: new Map(),
    lost: new Map(),
  };
  put(disk.streams, text, stream, undo);
  return stream;
}

function addFate(fates: Map<number, NumberedFate>, fate: NumberedFate, undo: Undo[]): void {
  if (fates.has(fate.number))
    throw new StoreError('conflict', `number ${fate.number} already has a fate: it is written once`);
  put(fates, fate.number, fate, undo);
}

function putQueue(disk: MemoryDisk, row: Extract<Change, { type: 'put-queue' }>['row'], undo: Undo[]): void {
  const known = disk.queues.get(row.name);
  if (known === undefined) return put(disk.queues, row.name, createMemoryQueue(row), undo);
  for (const queue of disk.queues.values()) {
    if (parentOf(queue.row.name) !== row.name) continue;
    const before = queue.row;
    undo.push(() => (queue.row = before));
    // A subqueue has its queue's settings.
    queue.row = { ...row, name: before.name, createdAt: queue === known ? row.createdAt : before.createdAt };
  }
}

function deleteQueue(
  disk: MemoryDisk,
  { name, ifEmpty, at }: Extract<Change, { type: 'delete-queue' }>,
  undo: Undo[],
): void {
  queueNamed(disk, name);
  const all = [...disk.queues].filter(([other]) => parentOf(other) === name);
  if (ifEmpty === true && all.some(([, queue]) => !inQueueOrder(queue).next().done))
    throw new StoreError('queue-not-empty', `queue "${name}" or a subqueue of it holds messages`);
  for (const [other, queue] of all) {
    for (const message of inQueueOrder(queue))
      undo.push(tellFate(disk, message, { code: 'queue-deleted' }, at));
    disk.queues.delete(other);
    undo.push(() => disk.queues.set(other, queue));
  }
}

/** Needs no undo: it looks before it writes, and nothing comes behind it. */
function settleAll(disk: MemoryDisk, requests: readonly SettleRequest[]): void {
  requireEachOnce(requests);
  for (const { queue, settlements, now } of requests) {
    for (const { receipt } of settlements) {
      if (leasedMessage(disk.queues.get(queue), receipt, now) === undefined) throw leaseLost(queue, receipt);
    }
  }
  for (const request of requests) settleLeases(disk, request);
}
