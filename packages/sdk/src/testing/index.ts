export { createHttpTransport, type HttpTransportOptions } from '../adapters/http/http-transport.ts';
export { MemoryDatabase, type MemoryFault } from '../adapters/memory/memory-database.ts';
export { createMemoryOutboxStore, logOf } from '../adapters/memory/memory-outbox-store.ts';
export type { Clock } from '../ports/clock.ts';
export type { Entropy } from '../ports/entropy.ts';
export type { Hints } from '../ports/hints.ts';
export type { LeaderLock } from '../ports/leader-lock.ts';
export type { Marker } from '../ports/marker.ts';
export type * from '../ports/outbox-store.ts';
export type { Signals } from '../ports/signals.ts';
export type {
  CloseReason,
  Connection,
  ConnectRequest,
  Transport,
  TransportListener,
} from '../ports/transport.ts';
export { ManualClock } from './manual-clock.ts';
export { ScriptedConnection, ScriptedTransport } from './scripted-transport.ts';
export { createSeededEntropy } from './seeded-entropy.ts';
export { SignalBus } from './signal-bus.ts';
