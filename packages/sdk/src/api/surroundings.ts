import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hints } from '../ports/hints.ts';
import type { LeaderLock } from '../ports/leader-lock.ts';
import type { Marker } from '../ports/marker.ts';
import type { OutboxStore } from '../ports/outbox-store.ts';
import type { Signals } from '../ports/signals.ts';
import type { Transport } from '../ports/transport.ts';

/** Everything the SDK needs from outside. In a browser each has a default. */
export interface Surroundings {
  /** Default: IndexedDB. In Node there is none: give one, such as `createMemoryOutboxStore()`. */
  readonly store: OutboxStore;
  /** Default: socket.io over WebSocket. */
  readonly socket: Transport;
  /** Default: `fetch`. */
  readonly http: Transport;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Default: a Web Lock with the default store; where there is none, everybody holds it and the lease in the store decides alone. */
  readonly leaderLock: LeaderLock;
  /** Default: a BroadcastChannel; where there is none, tabs find out by reading the store. */
  readonly signals: Signals;
  /** Default: local storage. */
  readonly marker: Marker;
  /** Default: the page's `online`, `visibilitychange` and `pageshow` events. */
  readonly hints: Hints;
}
