import { connect, type Fieldpost } from '@fieldpost/sdk';
import { SatchelDatabase } from './database.ts';
import { OrderBook } from './order-book.ts';
import type { Rep } from './reps.ts';

/** What a signed-in rep works with. */
export interface Session {
  readonly rep: Rep;
  readonly post: Fieldpost;
  readonly book: OrderBook;
  /** Ends it; what waits stays saved and goes out when this rep signs in again. */
  close(): Promise<void>;
}

export const database = new SatchelDatabase();

/** Opens the rep's outbox and orders. Needs no network, except on the very first start on this device. */
export async function openSession(rep: Rep): Promise<Session> {
  const gateway = await readGateway();
  const post = await connect({ gateway: () => gateway, token: () => askForToken(rep), subject: rep.id });
  const book = new OrderBook(database, post, rep.id);
  const stop = book.resume();
  return {
    rep,
    post,
    book,
    close: async () => {
      stop();
      await post.close();
    },
  };
}

/** The app's own server says who the rep is; here it takes the rep's word for it. */
async function askForToken(rep: Rep): Promise<string> {
  const response = await fetch('/api/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ rep: rep.id }),
  });
  if (response.status >= 400 && response.status < 500) {
    // The code tells it apart from a server that is not reached.
    throw Object.assign(new Error(`the sign-in was answered ${response.status}`), { code: 'unauthorized' });
  }
  return readText(response, 'token');
}

/** Asked of the server once, then remembered: a later start may be offline. */
async function readGateway(): Promise<string> {
  const remembered = await database.settings.get('gateway');
  if (remembered !== undefined) {
    void fetchGateway().catch(() => undefined);
    return remembered.value;
  }
  return fetchGateway();
}

async function fetchGateway(): Promise<string> {
  const value = await readText(await fetch('/api/settings'), 'gateway');
  await database.settings.put({ name: 'gateway', value });
  return value;
}

async function readText(response: Response, field: string): Promise<string> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  const answer: unknown = await response.json();
  const value: unknown = answer instanceof Object ? Reflect.get(answer, field) : undefined;
  if (typeof value !== 'string') throw new Error(`${response.url} answered without a "${field}"`);
  return value;
}
