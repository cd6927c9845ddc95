import { describe, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { expectFrame, message, WireDevice } from '../wire/wire-device.ts';
import { type LinkKind, openLink, type WireLink } from '../wire/wire-link.ts';

// The real gateway ends itself, as kill -9 would, at a chosen place on the way of a message. A device that sends again what
// it has no answer for, and a consumer that goes on with what it is given, must come out with every message once.

const MESSAGES = 12;
const PER_PUSH = 2;
const BODIES = Array.from({ length: MESSAGES }, (_, index) => index + 1);

describe('a device', () => {
  test.each<[string, LinkKind]>([
    ['frame-received:4', 'socket.io'],
    ['frame-parsed:4', 'socket.io'],
    ['push-begun:3', 'socket.io'],
    ['push-decided:3', 'socket.io'],
    ['push-committed:3', 'socket.io'],
    ['push-answered:3', 'socket.io'],
    ['push-decided:3', 'HTTP'],
    ['push-committed:3', 'HTTP'],
  ])('whose gateway dies at %s over %s has everything there once, in order', async (failpoint, kind) => {
    await using gateway = await startGatewayProcess({ failpoint });
    const device = new PatientDevice(gateway, kind);
    await device.sendAll();
    expect(device.deaths).toBe(1);
    expect(await bodiesIn(gateway)).toEqual(BODIES);
  });
});

describe('a consumer', () => {
  test.each(['receive-begun:2', 'receive-committed:2', 'settle-begun:2', 'settle-committed:2'])(
    'whose gateway dies at %s is given everything, and settles each message once',
    async (failpoint) => {
      await using gateway = await startGatewayProcess({ failpoint });
      await post(gateway, 'messages', { messages: BODIES.map((body) => ({ body })) });
      const consumer = new PatientConsumer(gateway);
      await consumer.consumeAll();
      expect(consumer.deaths).toBe(1);
      expect([...consumer.seen].toSorted((left, right) => left - right)).toEqual(BODIES);
      for (const [body, times] of consumer.settled) expect(times, `message ${body} was settled`).toBe(1);
      // The one batch whose settling died without an answer is settled, or was given again; never both.
      expect(consumer.settled.size + consumer.unknown.size).toBe(MESSAGES);
      expect(await bodiesIn(gateway)).toEqual([]);
    },
  );
});

describe('an agent', () => {
  test.each(['transaction-begun:3', 'transaction-decided:3', 'transaction-committed:3'])(
    'whose gateway dies at %s passes each message on once, and is told of each',
    async (failpoint) => {
      await using gateway = await startGatewayProcess({ failpoint });
      await post(gateway, 'messages', { messages: BODIES.map((body) => ({ body })) });
      let deaths = 0;
      const comeBack = async (): Promise<void> => {
        expect(await gateway.exited).toBe('SIGKILL');
        deaths += 1;
        await gateway.restart();
      };
      const sent: string[] = [];
      for (;;) {
        const answer = await post(gateway, 'receive', { leaseMs: 30_000 });
        const { messages } = answer as { messages: readonly Leased[] };
        const [leased] = messages;
        if (leased === undefined) break;
        const transaction = {
          settle: [{ queue: 'orders', receipt: leased.receipt, outcome: 'ack' }],
          send: [{ queue: 'invoices', body: leased.body }],
        };
        // Whatever was lost, the same again is answered as the first time; the lease outlives the gateway.
        const done = await postTo(gateway, '/v1/transactions', transaction).catch(async () => {
          await comeBack();
          return postTo(gateway, '/v1/transactions', transaction);
        });
        sent.push(...(done as { messages: { id: string }[] }).messages.map(({ id }) => id));
      }
      expect(deaths).toBe(1);
      expect(await bodiesIn(gateway)).toEqual([]);
      const invoices = await messagesIn(gateway, 'invoices');
      expect(invoices.map(({ body }) => body)).toEqual(BODIES);
      expect(invoices.map(({ id }) => id)).toEqual(sent);
    },
  );
});

/** Knows what it saved and what it was told, and nothing else. */
class PatientDevice {
  deaths = 0;
  readonly #gateway: GatewayProcess;
  readonly #kind: LinkKind;
  readonly #device = new WireDevice('orders');
  readonly #saved = BODIES.map((body) => message(String(body)));
  #acknowledged = 0;

  constructor(gateway: GatewayProcess, kind: LinkKind) {
    this.#gateway = gateway;
    this.#kind = kind;
  }

  async sendAll(): Promise<void> {
    while (this.#acknowledged < MESSAGES) {
      const link = await this.#connect();
      try {
        await this.#greet(link);
        while (this.#acknowledged < MESSAGES) await this.#pushNext(link);
      } catch {
        await this.#comeBack();
      } finally {
        link.close();
      }
    }
    await this.#comeBackIfDead();
  }

  async #connect(): Promise<WireLink> {
    const { url, port, pid } = this.#gateway;
    const target = {
      url,
      port,
      pid,
      host: '127.0.0.1',
      secret: new Uint8Array(),
      close: async () => undefined,
    };
    return openLink(this.#kind, target, await this.#gateway.token());
  }

  async #greet(link: WireLink): Promise<void> {
    const { epoch, queue } = this.#device;
    const stream = { epoch, queue, priority: 3, acknowledged: this.#acknowledged };
    const [answer] = await link.exchange(this.#device.helloFrame({ streams: [stream] }));
    if (answer?.type === 'fenced' && answer.session !== undefined) {
      // The welcome of an earlier hello was lost: this device still leads, so it goes on from the session in force.
      this.#device.session = answer.session;
      await this.#greet(link);
      return;
    }
    const welcome = expectFrame(answer, 'welcome');
    this.#device.session = welcome.session;
    this.#hear(welcome.streams[0]?.accepted ?? 0);
  }

  async #pushNext(link: WireLink): Promise<void> {
    const entries = this.#saved.slice(this.#acknowledged, this.#acknowledged + PER_PUSH);
    const state = await this.#device.pushRun(link, {
      first: this.#acknowledged + 1,
      acknowledged: this.#acknowledged,
      entries,
    });
    this.#hear(state.accepted);
  }

  #hear(accepted: number): void {
    if (accepted < this.#acknowledged)
      throw new Error(`acknowledged ${this.#acknowledged}, then only ${accepted}`);
    this.#acknowledged = accepted;
  }

  async #comeBack(): Promise<void> {
    expect(await this.#gateway.exited).toBe('SIGKILL');
    this.deaths++;
    await this.#gateway.restart();
  }

  /** Behind the last answer the gateway may have died as well. */
  async #comeBackIfDead(): Promise<void> {
    if (this.deaths === 0) await this.#comeBack();
  }
}

/** Remembers every body it was given, and which it heard to be settled. */
class PatientConsumer {
  deaths = 0;
  readonly seen = new Set<number>();
  readonly settled = new Map<number, number>();
  readonly unknown = new Set<number>();
  readonly #gateway: GatewayProcess;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  async consumeAll(): Promise<void> {
    for (;;) {
      let messages: readonly Leased[];
      try {
        messages = await this.#receive();
        if (messages.length === 0) return;
        await this.#settle(messages);
      } catch {
        expect(await this.#gateway.exited).toBe('SIGKILL');
        this.deaths++;
        await this.#gateway.restart();
      }
    }
  }

  async #receive(): Promise<readonly Leased[]> {
    // Longer than a lease: what was leased and not settled comes back within one wait.
    const answer = await post(this.#gateway, 'receive', { max: 3, leaseMs: 1500, waitMs: 3000 });
    const { messages } = answer as { messages: readonly Leased[] };
    for (const { body } of messages) this.seen.add(body);
    return messages;
  }

  async #settle(messages: readonly Leased[]): Promise<void> {
    for (const { body } of messages) this.unknown.add(body);
    const answer = await post(this.#gateway, 'settle', { ack: messages.map(({ receipt }) => receipt) });
    const { results } = answer as { results: readonly { receipt: string; code?: string }[] };
    for (const { receipt, code } of results) {
      const body = messages.find((leased) => leased.receipt === receipt)?.body ?? 0;
      this.unknown.delete(body);
      if (code === undefined) this.settled.set(body, (this.settled.get(body) ?? 0) + 1);
    }
  }
}

interface Leased {
  readonly receipt: string;
  readonly body: number;
}

async function bodiesIn(gateway: GatewayProcess): Promise<unknown[]> {
  return (await messagesIn(gateway, 'orders')).map(({ body }) => body);
}

async function messagesIn(
  gateway: GatewayProcess,
  queue: string,
): Promise<readonly { readonly id: string; readonly body: unknown }[]> {
  const headers = { authorization: `Bearer ${await gateway.token()}` };
  const response = await fetch(`${gateway.url}/v1/queues/${queue}/messages?bodies=auto&limit=100`, {
    headers,
  });
  const { messages } = (await response.json()) as { messages: { id: string; body: unknown }[] };
  return messages;
}

function post(gateway: GatewayProcess, path: string, body: unknown): Promise<unknown> {
  return postTo(gateway, `/v1/queues/orders/${path}`, body);
}

async function postTo(gateway: GatewayProcess, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(await response.text());
  return response.json();
}
