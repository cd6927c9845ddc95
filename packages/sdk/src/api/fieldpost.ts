import type { DeviceId } from '@fieldpost/protocol';
import type { Outbox } from './outbox.ts';
import type { Queue } from './queue.ts';
import type { Sent } from './sent.ts';
import type { Status } from './status.ts';
import type { Transaction } from './transaction.ts';

/**
 * A connected outbox: what {@link connect} resolves with. Works offline from the first call on; whether a gateway can be
 * reached is told by `status`.
 *
 * @since 0.1.0
 */
export interface Fieldpost {
  /** This device: minted with its local database, one for each subject. */
  readonly device: DeviceId;

  /**
   * The queue of a name. Makes nothing, asks nobody; whether the gateway has the queue is known when a message arrives there.
   *
   * @param name `[a-z0-9][a-z0-9._-]{0,127}`
   * @throws FieldpostError `invalid-argument` for another name
   * @since 0.1.0
   */
  queue<Body = unknown>(name: string): Queue<Body>;

  /**
   * Sends several messages, to one or more queues, all or none: they are saved together, and no consumer sees one before
   * all are in their queues. When one is refused, all are, with `transaction-refused`; when one queue is full, all wait;
   * `cancel()` of one takes all back, and when the time of one runs out, all have expired.
   *
   * @param compose adds the messages, before it returns; what it throws is thrown here, and nothing is saved
   * @returns the messages, saved, in the order in which they were added
   * @throws FieldpostError as `send` does; `too-large` for more than 256 messages or 4 MiB together
   * @since 0.1.0
   */
  transaction(compose: (transaction: Transaction) => void): Promise<readonly Sent[]>;

  /** What waits, and how things stand. @since 0.1.0 */
  readonly status: Status;

  /** Messages that this device still knows. @since 0.1.0 */
  readonly outbox: Outbox;

  /**
   * Stops: waits for sends that are being saved, ends the connection, closes the database. What waits stays saved and goes
   * out after the next `connect()`. Later calls fail with `closed`.
   *
   * @since 0.1.0
   */
  close(): Promise<void>;

  /**
   * Closes, and says what this subject leaves behind on the device. Nothing is dropped: it is sent when the same subject
   * connects again, and no other subject sees it.
   *
   * @since 0.1.0
   */
  logout(): Promise<LogoutReport>;
}

/** What stays on the device after {@link Fieldpost.logout}. */
export interface LogoutReport {
  /** Messages not yet delivered. */
  readonly pending: number;
  /** Messages set aside (refused, expired, unreadable, in doubt) that nobody has dealt with. */
  readonly deadLetters: number;
}
