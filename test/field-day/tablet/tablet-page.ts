import { connect, type StatusSnapshot } from '@fieldpost/sdk';
import { OrderPosition } from './order-position.ts';
import type { NextOrders, TabletConfig, TabletState } from './tablet-state.ts';

// The rep's page: takes orders from its order book, as many at a time as the book gives, and leaves the rest to the SDK.

const tellEveryMs = 50;

async function main(): Promise<void> {
  const config = await ask<TabletConfig>('/config');
  const book = await OrderPosition.open();
  const { gateway, transport } = config;
  const post = await connect({ gateway, transport, token: () => ask<string>('/token') });
  const queue = post.queue(config.queue);
  let position = await book.read();
  const tell = createTeller();
  post.status.subscribe((status) => tell(stateOf(position, status)));
  for (;;) {
    const { orders } = await ask<NextOrders>(`/next?from=${position}`);
    // Called in one turn, so that their order is the order of the calls.
    await Promise.all(
      orders.map(({ id, body }) => queue.send(body, { id, headers: { tablet: config.tablet } })),
    );
    position += orders.length;
    if (orders.length > 0) await book.write(position);
    tell(stateOf(position, post.status.get()));
  }
}

function stateOf(position: number, status: StatusSnapshot): TabletState {
  const { pending, deadLetters, state: connection, problems } = status;
  return {
    position,
    pending,
    deadLetters,
    connection,
    problems: problems.map(({ code, detail }) => `${code}: ${detail}`),
  };
}

/** Tells the latest state, and not every one in between. */
function createTeller(): (state: TabletState) => void {
  let latest: TabletState | undefined;
  return (state) => {
    const isWaiting = latest !== undefined;
    latest = state;
    if (isWaiting) return;
    setTimeout(() => {
      const body = JSON.stringify(latest);
      latest = undefined;
      // The server is away only when the page is being left, and the next page tells its own state.
      fetch('/state', { method: 'POST', body }).catch(() => undefined);
    }, tellEveryMs);
  };
}

async function ask<Answer>(path: string): Promise<Answer> {
  try {
    const response = await fetch(path);
    return (await response.json()) as Answer;
  } catch (cause) {
    throw new BrokenOff(`${path} was broken off`, { cause });
  }
}

/** A request to the page's own server that ended with the page, or with the day: no error of anybody. */
class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

function report(error: unknown): void {
  if (error instanceof BrokenOff) return;
  const text = error instanceof Error ? `${error.stack ?? error.message}` : String(error);
  navigator.sendBeacon('/error', text);
}

window.addEventListener('error', (event) => report(event.error ?? event.message));
window.addEventListener('unhandledrejection', (event) => report(event.reason));
main().catch((error: unknown) => {
  report(error);
  // As a rep would: the order book says where to go on.
  setTimeout(() => location.reload(), 500);
});
