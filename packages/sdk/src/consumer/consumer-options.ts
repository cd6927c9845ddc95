import { isQueueName, LIMITS } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { ConsumerProblem } from './consumer-problem.ts';
import type { ConsumerSurroundings } from './surroundings.ts';

/**
 * How to consume a queue.
 *
 * @since 0.1.0
 */
export interface ConsumerOptions<Body = unknown> {
  /** The gateway's base URL, such as `https://gateway.example`, or a function that is asked at every call. */
  readonly gateway: string | (() => string | Promise<string>);

  /** A token (a JWT) that may receive from the queue, or a function that gives one; it is asked again when the gateway did not take the last. */
  readonly token: string | (() => string | Promise<string>);

  readonly queue: string;

  /** Checks a body and gives it its type. What it throws is told to `onProblem`, and the message goes back to be tried later. */
  readonly parse?: (body: unknown) => Body;

  /** Messages worked on at the same time. Default 1, up to 1000. */
  readonly concurrency?: number;

  /** Messages leased in advance, so that work need not wait for the network. Default: as many as `concurrency`; 0 for none. */
  readonly prefetch?: number;

  /** How long nobody else gets a message after this consumer died. Renewed while the work goes on. Milliseconds, default 30,000. */
  readonly leaseMs?: number;

  /** For how long the lease of one message is renewed at most: work that hangs gives its message back. Milliseconds, default 600,000. */
  readonly renewForMs?: number;

  /** How long the gateway holds a request when the queue is empty. Milliseconds, default 20,000. */
  readonly waitMs?: number;

  /** The delay before a message whose handler failed is tried again, by how often it was handed out. Default: 1 s, 10 s, 1 min, 10 min. */
  readonly retryDelayMs?: (deliveryCount: number) => number;

  /** Hears of everything that the consumer deals with by itself: calls that failed and are repeated, lost leases, handlers that threw. */
  readonly onProblem?: (problem: ConsumerProblem) => void;

  /** Closes the consumer, as `close()` does. */
  readonly signal?: AbortSignal;

  /** Parts of the outside world to take the place of the runtime's: in tests. */
  readonly surroundings?: Partial<ConsumerSurroundings>;
}

/** The options with their defaults, checked. */
export interface ConsumerSettings {
  readonly queue: string;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly leaseMs: number;
  readonly renewForMs: number;
  readonly waitMs: number;
  readonly retryDelayMs: (deliveryCount: number) => number;
}

export const CONSUMER_LIMITS = {
  /** Messages worked on at once, and messages leased in advance. */
  concurrency: 1000,
  /** A lease shorter than this cannot be renewed in time over a slow line. */
  leaseMsMin: 1000,
  /** Half a day: longer work belongs into a record of its own. */
  leaseMsMax: 12 * 3_600_000,
  /** The gateway holds no request longer: proxies cut answers that take a minute. */
  waitMsMax: 50_000,
  /** Messages of one receive, receipts of one settle request: well inside what the gateway takes. */
  requestMessages: 1000,
  /** Why a message was rejected, in characters: as the gateway takes it. */
  reasonCharacters: 512,
} as const;

const retryDelaysMs = [1000, 10_000, 60_000, 600_000] as const;

/** @throws FieldpostError `invalid-argument` naming the option and its bounds */
export function readConsumerOptions(options: Omit<ConsumerOptions, 'parse'>): ConsumerSettings {
  if (!isQueueName(options.queue)) {
    throw new FieldpostError(
      'invalid-argument',
      `queue: ${JSON.stringify(options.queue)} is not a queue name: a-z, 0-9, ".", "_", "-", at most ${LIMITS.queueNameCharacters}`,
    );
  }
  const concurrency = whole('concurrency', options.concurrency ?? 1, 1, CONSUMER_LIMITS.concurrency);
  const leaseMs = whole(
    'leaseMs',
    options.leaseMs ?? 30_000,
    CONSUMER_LIMITS.leaseMsMin,
    CONSUMER_LIMITS.leaseMsMax,
  );
  return {
    queue: options.queue,
    concurrency,
    prefetch: whole('prefetch', options.prefetch ?? concurrency, 0, CONSUMER_LIMITS.concurrency),
    leaseMs,
    renewForMs: whole('renewForMs', options.renewForMs ?? 600_000, 0, Number.MAX_SAFE_INTEGER),
    waitMs: whole('waitMs', options.waitMs ?? 20_000, 0, CONSUMER_LIMITS.waitMsMax),
    retryDelayMs: options.retryDelayMs ?? defaultRetryDelayMs,
  };
}

function defaultRetryDelayMs(deliveryCount: number): number {
  const step = Math.min(Math.max(deliveryCount, 1), retryDelaysMs.length) - 1;
  return retryDelaysMs[step] ?? retryDelaysMs[0];
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new FieldpostError(
    'invalid-argument',
    `${name}: ${String(value)} is not a whole number from ${min} to ${max}`,
  );
}
