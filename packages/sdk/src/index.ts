export {
  createIndexedDbOutboxStore,
  type IndexedDbOutboxOptions,
} from './adapters/indexeddb/indexeddb-outbox-store.ts';
export type { ConnectOptions } from './api/connect-options.ts';
export type { Fieldpost, LogoutReport } from './api/fieldpost.ts';
export type { Outbox, OutboxFilter, OutboxMessage, OutboxMessageState } from './api/outbox.ts';
export type { AckLevel, Queue, SendOptions } from './api/queue.ts';
export type { CancelOutcome, Delivery, Sent } from './api/sent.ts';
export type { ConnectionState, Problem, Status, StatusSnapshot, StorageState } from './api/status.ts';
export type { Transaction, TransactionSendOptions } from './api/transaction.ts';
export type { Surroundings } from './api/surroundings.ts';
export { connect } from './client.ts';
export { type FailureOutcome, FieldpostError } from './core/fieldpost-error.ts';
