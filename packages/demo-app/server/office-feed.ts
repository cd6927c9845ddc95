import type { OfficeSnapshot, QueueView } from '../src/office/office-snapshot.ts';
import type { Books } from './books.ts';
import type { Clerk } from './clerk.ts';
import type { GatewayClient } from './gateway-client.ts';

const lookEveryMs = 1_000;
const gatherForMs = 80;
const shownWaiting = 12;

export interface OfficeFeedOptions {
  readonly gateway: Pick<GatewayClient, 'lookAtQueue'>;
  readonly books: Pick<Books, 'view'>;
  readonly clerk: () => Pick<Clerk, 'state'>;
}

/** Tells every open back-office page how things stand, at each change. Looks at the gateway only while somebody watches. */
export class OfficeFeed {
  readonly #options: OfficeFeedOptions;
  readonly #listeners = new Set<(snapshot: string) => void>();
  #last = '';
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isStale = false;

  constructor(options: OfficeFeedOptions) {
    this.#options = options;
  }

  /** Calls `listener` with each snapshot as JSON, soon for the first time. Gives the way to stop. */
  subscribe(listener: (snapshot: string) => void): () => void {
    this.#listeners.add(listener);
    if (this.#last !== '') listener(this.#last);
    this.#lookIn(0);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopTimer();
    };
  }

  /** Something happened: look soon, and once for many. */
  changed(): void {
    if (this.#listeners.size > 0) this.#lookIn(gatherForMs);
  }

  close(): void {
    this.#listeners.clear();
    this.#stopTimer();
  }

  #lookIn(delayMs: number): void {
    if (this.#isLooking) {
      this.#isStale = true;
      return;
    }
    this.#stopTimer();
    this.#timer = setTimeout(() => void this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#isStale = false;
    const queue = await this.#lookAtQueue();
    const snapshot: OfficeSnapshot = {
      queue,
      booking: this.#options.clerk().state,
      books: this.#options.books.view(),
    };
    this.#isLooking = false;
    const text = JSON.stringify(snapshot);
    if (text !== this.#last) {
      this.#last = text;
      for (const listener of this.#listeners) listener(text);
    }
    if (this.#listeners.size > 0) this.#lookIn(this.#isStale ? gatherForMs : lookEveryMs);
  }

  async #lookAtQueue(): Promise<QueueView | undefined> {
    try {
      return await this.#options.gateway.lookAtQueue(shownWaiting);
    } catch {
      // Not reached: the page says so, and the next look is a second away.
      return undefined;
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
