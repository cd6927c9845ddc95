import { z } from 'zod';
import type { QueueView, WaitingOrder } from '../src/office/office-snapshot.ts';
import { ORDERS_QUEUE } from '../src/order/order.ts';
import { readOrder } from './read-order.ts';

const callTimeoutMs = 5_000;
const renewBeforeMs = 60_000;

const tokenAnswer = z.object({ token: z.string(), expiresAt: z.iso.datetime() });
const queueAnswer = z.object({ ready: z.int(), leased: z.int(), delayed: z.int() });
const peekAnswer = z.object({
  messages: z.array(
    z.object({
      id: z.string(),
      arrivedAt: z.string(),
      label: z.string().optional(),
      body: z.unknown().optional(),
    }),
  ),
});

/** What a token allows, as names of queues. */
export interface Grants {
  readonly send: readonly string[];
  readonly receive: readonly string[];
  readonly manage: readonly string[];
}

/** The gateway's answer was no. */
class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly status: number;

  constructor(call: string, status: number) {
    super(`${call} was answered ${status}`);
    this.status = status;
  }
}

/** The few calls of the gateway's HTTP API that the demo's server makes. */
export class GatewayClient {
  readonly url: string;
  #own: { readonly token: string; readonly expiresAt: number } | undefined;

  constructor(url: string) {
    this.url = url;
  }

  /**
   * A token in the name of a subject. The gateway gives them away in development mode; a real server would sign its own
   * with the secret that it shares with the gateway.
   */
  async mintToken(subject: string, grants: Grants): Promise<z.infer<typeof tokenAnswer>> {
    const answer = await this.#call('POST', '/v1/dev/token', { sub: subject, ...grants });
    return tokenAnswer.parse(answer);
  }

  /** The office's own token: may look at the orders and take them out. */
  async officeToken(): Promise<string> {
    if (this.#own !== undefined && this.#own.expiresAt - renewBeforeMs > Date.now()) return this.#own.token;
    const { token, expiresAt } = await this.mintToken('office', {
      send: [],
      receive: [ORDERS_QUEUE],
      manage: [ORDERS_QUEUE],
    });
    this.#own = { token, expiresAt: Date.parse(expiresAt) };
    return token;
  }

  /** Makes the queue if it is not there, whatever settings somebody gave it since. */
  async ensureQueue(): Promise<void> {
    try {
      await this.#authorized('PUT', `/v1/queues/${ORDERS_QUEUE}`, {});
    } catch (error) {
      if (!(error instanceof GatewayRefusal) || error.status !== 409) throw error;
    }
  }

  /** How the queue stands, and the first orders in it. */
  async lookAtQueue(limit: number): Promise<QueueView> {
    const counts = queueAnswer.parse(await this.#authorized('GET', `/v1/queues/${ORDERS_QUEUE}`));
    if (counts.ready + counts.leased + counts.delayed === 0) return { ...counts, next: [] };
    const peeked = await this.#authorized(
      'GET',
      `/v1/queues/${ORDERS_QUEUE}/messages?bodies=auto&limit=${limit}`,
    );
    return { ...counts, next: peekAnswer.parse(peeked).messages.map(waitingOrder) };
  }

  async #authorized(method: string, path: string, body?: unknown): Promise<unknown> {
    try {
      return await this.#call(method, path, body, await this.officeToken());
    } catch (error) {
      // A gateway whose data was cleared has another secret: the next call gets a new token.
      if (error instanceof GatewayRefusal && error.status === 401) this.#own = undefined;
      throw error;
    }
  }

  async #call(method: string, path: string, body?: unknown, token?: string): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new GatewayRefusal(`${method} ${path}`, response.status);
    }
    return response.json();
  }
}

function waitingOrder(message: z.infer<typeof peekAnswer>['messages'][number]): WaitingOrder {
  const read = readOrder(message.body);
  const shown =
    'order' in read
      ? {
          number: read.order.number,
          customer: read.order.customer.name,
          rep: read.order.rep.name,
          total: read.order.total,
        }
      : { number: message.label ?? 'Not an order', customer: '', rep: '', total: 0 };
  return { messageId: message.id, arrivedAt: message.arrivedAt, ...shown };
}
