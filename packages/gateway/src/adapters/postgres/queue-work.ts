import type { DeviceId } from '@fieldpost/protocol';
import { UndoLog } from './kept-rows.ts';
import { MessageInserts } from './message-inserts.ts';
import { QueueRows } from './queue-rows.ts';
import { Removals } from './removals.ts';
import { inOrder, type Transaction } from './transaction.ts';

/** What calls about queues share within one transaction. */
export class QueueWork {
  readonly transaction: Transaction;
  readonly queues: QueueRows;
  readonly removals: Removals;
  readonly #inserts: MessageInserts;
  /** How many messages ended because their time ran out, and how many went without a copy; by queue. */
  readonly ended = new Map<string, number>();
  readonly unjournaled = new Map<string, number>();
  /** Devices that got notices of fates. */
  readonly toldDevices = new Set<DeviceId>();
  /** Up to when everything that runs out has been ended. */
  endedUpTo = 0;
  /** Whether a subqueue is gone, whose number is to be set free. */
  hasDropped = false;

  constructor(transaction: Transaction, slice: number, queues = new QueueRows(transaction, new UndoLog())) {
    this.transaction = transaction;
    this.queues = queues;
    this.#inserts = new MessageInserts(transaction, queues, new UndoLog());
    this.removals = new Removals(transaction, slice);
  }

  /** Adds messages to the end of a queue that is locked. */
  async insert(name: string, messages: Parameters<MessageInserts['add']>[1]): Promise<void> {
    await this.#inserts.add(name, messages);
    await this.write();
  }

  told(devices: readonly DeviceId[]): void {
    for (const device of devices) this.toldDevices.add(device);
  }

  /** Writes what is noted. */
  async write(): Promise<void> {
    await inOrder([...this.queues.flush(), ...this.#inserts.flush()]);
  }
}

/** Counts by queue. */
export function count(counts: Map<string, number>, queue: string, messages: number): void {
  counts.set(queue, (counts.get(queue) ?? 0) + messages);
}
