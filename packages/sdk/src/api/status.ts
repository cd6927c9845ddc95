/**
 * How the outbox stands, as a value that can be watched.
 *
 * @since 0.1.0
 */
export interface Status {
  /** The state now. The same object until something changes. */
  get(): StatusSnapshot;
  /**
   * Calls `listener` at once and then after every change; what it throws is reported and disturbs nobody.
   *
   * @returns the way to stop
   */
  subscribe(listener: (snapshot: StatusSnapshot) => void): () => void;
}

export interface StatusSnapshot {
  /** Messages saved and not yet answered by the gateway, of all tabs of this subject; none that were taken back or have expired. */
  readonly pending: number;
  /** Their size on disk, in bytes. */
  readonly bytes: number;
  /** How long the oldest of them has waited, in milliseconds; undefined when none waits. As of the last change. */
  readonly oldestAgeMs: number | undefined;
  /** Messages set aside: refused, expired, unreadable, in doubt. */
  readonly deadLetters: number;
  /** Whether a gateway has welcomed this device and the connection stands, in this tab or in the one that sends. */
  readonly online: boolean;
  readonly state: ConnectionState;
  readonly storage: StorageState;
  /** What needs somebody's attention. Empty when all is well. */
  readonly problems: readonly Problem[];
}

/**
 * - `standby`: another tab sends for this device.
 * - `connecting`: on the way to the gateway.
 * - `online`: welcomed.
 * - `waiting`: the last attempt failed; the next one comes by itself.
 * - `stopped`: the gateway said never again (see `problems`); messages are still saved.
 * - `closed`: `close()` was called.
 */
export type ConnectionState = 'standby' | 'connecting' | 'online' | 'waiting' | 'stopped' | 'closed';

/** `ready`: saves work. `failing`: the last one did not; the next is tried as usual. `full`: the browser's quota is used up. */
export type StorageState = 'ready' | 'failing' | 'full';

export interface Problem {
  /** `storage-lost`, `unauthorized`, `token-unavailable`, `upgrade-required`, `revoked`, `origin-not-allowed`, `storage-failed`, `gateway-went-back`, … */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  /** Unix milliseconds of this device. */
  readonly since: number;
}
