import { randomUUID } from 'node:crypto';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import { type DeviceId, isUuid, type SessionNonce } from '@fieldpost/protocol';
import { z } from 'zod';
import type { Logger } from '../../ports/logger.ts';
import type { News, Peers } from '../../ports/peers.ts';
import { type Connect, connect as connectTo, type Connection, type Statement } from './connection.ts';

/** Gateways that hear of each other through their database. */
export interface PostgresPeers extends Peers {
  close(): Promise<void>;
}

export interface PostgresPeersOptions {
  readonly url: string;
  readonly logger: Logger;
  /** How connections are made; for tests. */
  readonly connect?: Connect;
}

const CHANNEL = 'fieldpost';
/** News that come within this time go in one notification: notifying takes a lock that all commits of the database share. */
const GATHER_MS = 5;
/** A notification takes less than 8,000 bytes. */
const PAYLOAD_CHARACTERS_MAX = 3_000;
/** News of which there are more are not told one by one: the others look. */
const NEWS_MAX = 1_000;
/** However silent it is, everybody looks so often: what got lost costs no more than this. */
const LOOK_EVERY_MS = 5_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
const TIMEOUT_MS = 10_000;

const NOTIFY: Statement = { name: 'peers-notify', text: `SELECT pg_notify('${CHANNEL}', $1)` };

/** The keys are short, since they are sent so often. */
const payloadSchema = z.object({
  from: z.string(),
  queues: z.array(z.string()),
  sessions: z.array(
    z.object({
      device: z.custom<DeviceId>((value) => typeof value === 'string' && isUuid(value)),
      number: z.number(),
      nonce: z.custom<SessionNonce>((value) => typeof value === 'string'),
      revoked: z.boolean().optional(),
    }),
  ),
});

/**
 * Connects a gateway with the others on its database, by LISTEN and NOTIFY on a connection of its own; made anew when it is
 * lost. That connection has to reach the server itself: a pooler that gives it to others after each transaction loses what
 * they are told, and only the slow look remains.
 */
export function createPostgresPeers(options: PostgresPeersOptions): PostgresPeers {
  return new LinkedPeers(options);
}

class LinkedPeers implements PostgresPeers {
  readonly #name = randomUUID();
  readonly #logger: Logger;
  readonly #connect: Connect;
  readonly #queues = new Set<string>();
  readonly #sessions = new Map<string, SessionNews>();
  #connection: Connection | undefined;
  #onNews: (news: News) => void = () => undefined;
  #onSilence: () => void = () => undefined;
  #sending: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_MS_MIN;
  #isClosed = false;
  readonly #looking: ReturnType<typeof setInterval>;

  constructor({ url, logger, connect }: PostgresPeersOptions) {
    this.#logger = logger;
    this.#connect =
      connect ?? (() => connectTo({ url, connectTimeoutMs: TIMEOUT_MS, answerTimeoutMs: TIMEOUT_MS }));
    this.#looking = setInterval(() => this.#onSilence(), LOOK_EVERY_MS).unref();
  }

  listen(onNews: (news: News) => void, onSilence: () => void): void {
    this.#onNews = onNews;
    this.#onSilence = onSilence;
    this.#begin();
  }

  tell(news: News): void {
    if (this.#isClosed) return;
    if (news.type === 'arrival') this.#queues.add(news.queue);
    else this.#sessions.set(`${news.type} ${news.device}`, news);
    this.#sending ??= setTimeout(() => this.#send(), GATHER_MS).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    clearTimeout(this.#sending);
    clearTimeout(this.#retry);
    await this.#connection?.close();
  }

  #begin(): void {
    this.#open().catch((error: unknown) => {
      this.#logger.warn({ error }, 'other gateways are not heard; it is tried again');
      this.#later();
    });
  }

  async #open(): Promise<void> {
    const connection = await this.#connect();
    connection.onNotification((_, payload) => this.#hear(payload));
    connection.ended.then(
      () => this.#later(connection),
      () => this.#later(connection),
    );
    await connection.execute(`LISTEN ${CHANNEL}`);
    if (this.#isClosed) return connection.close();
    this.#connection = connection;
    this.#retryMs = RETRY_MS_MIN;
    // Whatever was told until now was not heard.
    this.#onSilence();
  }

  #later(lost?: Connection): void {
    if (lost !== undefined && this.#connection === lost) this.#connection = undefined;
    if (this.#isClosed || this.#retry !== undefined || this.#connection !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#begin();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  #send(): void {
    this.#sending = undefined;
    const queues = [...this.#queues].slice(0, NEWS_MAX);
    const sessions = [...this.#sessions.values()].slice(0, NEWS_MAX);
    this.#queues.clear();
    this.#sessions.clear();
    for (const payload of this.#payloads(queues, sessions)) {
      // A hint that cannot be given is none: the others look by themselves.
      this.#connection?.run(NOTIFY, [payload]).catch(() => undefined);
    }
  }

  *#payloads(queues: readonly string[], sessions: readonly SessionNews[]): Generator<string> {
    let batch = { from: this.#name, queues: [] as string[], sessions: [] as object[] };
    let characters = 0;
    const all = [
      ...queues.map((queue) => ({ queue, session: undefined })),
      ...sessions.map(({ type, device, session }) => ({
        queue: undefined,
        session: { device, ...session, ...(type === 'revocation' ? { revoked: true } : {}) },
      })),
    ];
    for (const { queue, session } of all) {
      if (queue === undefined) batch.sessions.push(session);
      else batch.queues.push(queue);
      characters += JSON.stringify(queue ?? session).length;
      if (characters < PAYLOAD_CHARACTERS_MAX) continue;
      yield JSON.stringify(batch);
      batch = { from: this.#name, queues: [], sessions: [] };
      characters = 0;
    }
    if (characters > 0) yield JSON.stringify(batch);
  }

  #hear(payload: string): void {
    const news = readPayload(payload);
    if (news === undefined || news.from === this.#name) return;
    for (const queue of news.queues) this.#onNews({ type: 'arrival', queue });
    for (const { device, number, nonce, revoked } of news.sessions) {
      const type = revoked === true ? 'revocation' : 'session';
      this.#onNews({ type, device, session: { number, nonce } });
    }
  }
}

type SessionNews = Extract<News, { readonly session: unknown }>;

/** Undefined for what no gateway of this release says. */
function readPayload(payload: string): z.infer<typeof payloadSchema> | undefined {
  try {
    return payloadSchema.safeParse(JSON.parse(payload)).data;
  } catch {
    return undefined;
  }
}
