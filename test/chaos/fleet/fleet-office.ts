import { type Consumer, createConsumer, type ReceivedMessage } from '@fieldpost/sdk/consumer';
import type { FleetBook } from './fleet-book.ts';
import { type FleetBody, QUEUE } from './fleet-device.ts';

export interface FleetOfficeOptions {
  readonly gateway: () => string;
  readonly token: () => Promise<string>;
  readonly book: FleetBook;
}

/** Short: what a dead gateway leased comes back within a cycle. */
const LEASE_MS = 1000;
/** Short as well: a wait that hangs on a gateway that is gone ends soon. */
const WAIT_MS = 500;

/** The consumer library at work: settles everything, and writes down what it was given and told. */
export class FleetOffice {
  readonly #consumer: Consumer<FleetBody>;
  readonly #running: Promise<void>;

  constructor({ gateway, token, book }: FleetOfficeOptions) {
    this.#consumer = createConsumer({
      gateway,
      token,
      queue: QUEUE,
      concurrency: 32,
      leaseMs: LEASE_MS,
      waitMs: WAIT_MS,
      parse: readBody,
      // It comes back soon: most of a cycle would be its backoff.
      surroundings: { jitter: () => 0.05 },
    });
    this.#running = this.#consumer.run(async (message) => {
      book.handedOut({ body: message.body, place: placeOf(message) });
      const outcome = await message.ack();
      if (outcome === 'settled') book.settled(message.body.key);
      else if (outcome === 'unknown') book.unknown += 1;
    });
    // Told by close(); until then nobody listens.
    this.#running.catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#consumer.close();
    await this.#running;
  }
}

/** A receipt begins with the place of its message in the queue. */
function placeOf({ receipt }: ReceivedMessage): number {
  return Number.parseInt(receipt.slice(0, receipt.indexOf('.')), 36);
}

function readBody(body: unknown): FleetBody {
  const lane = text(body, 'lane');
  const key = text(body, 'key');
  const filler = text(body, 'filler');
  const number: unknown = Reflect.get(Object(body), 'number');
  if (typeof number !== 'number') throw new TypeError('a message of the fleet has a number');
  return { lane, key, number, filler };
}

function text(body: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(body), name);
  if (typeof value !== 'string') throw new TypeError(`a message of the fleet has a text ${name}`);
  return value;
}
