import { connect, type Fieldpost } from '@fieldpost/sdk';

// The page of the tablets under chaos: sends numbered messages, and tells of each one that is saved.

export interface LoadSettings {
  readonly gateway: string;
  readonly token: string;
  readonly transport: 'socket' | 'http';
  /** Durability of every transaction, in place of the SDK's own: the planted bug that the check has to find. */
  readonly durability?: 'relaxed';
}

const BURST_MAX = 8;
const PAUSE_MS_MAX = 25;
const PENDING_MAX = 300;

let post: Fieldpost | undefined;
let isLoading = false;
let running: Promise<void> = Promise.resolve();

const page = {
  async connect({ gateway, token, transport, durability }: LoadSettings): Promise<void> {
    if (durability !== undefined) weaken(durability);
    post = await connect({ gateway, token: () => token, transport });
  },

  status() {
    if (post === undefined) throw new Error('not connected');
    return post.status.get();
  },

  device(): string {
    return String(post?.device);
  },

  start(queue: string, lane: string): void {
    isLoading = true;
    running = keepSending(queue, lane);
  },

  async stop(): Promise<void> {
    isLoading = false;
    await running;
  },
};

declare global {
  /** Made by the test: hears of each message that was saved. */
  var reportSaved: (lane: string, numbers: readonly number[]) => Promise<void>;
  /** Made by the test: hears of each save that was refused, with its code. */
  var reportRefused: (lane: string, number: number, code: string) => Promise<void>;
  var loadPage: typeof page;
}

globalThis.loadPage = page;

async function keepSending(queue: string, lane: string): Promise<void> {
  for (let number = 0; isLoading;) {
    const burst = Array.from({ length: 1 + Math.floor(Math.random() * BURST_MAX) }, () => ++number);
    await Promise.all(burst.map((one) => send(queue, lane, one)));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS_MAX));
    while (isLoading && (post?.status.get().pending ?? 0) > PENDING_MAX)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS_MAX));
  }
}

async function send(queue: string, lane: string, number: number): Promise<void> {
  try {
    await post?.queue(queue).send({ lane, number, filler: `${lane}:${number} `.repeat(1 + (number % 19)) });
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    await globalThis.reportRefused(lane, number, String(code ?? error));
    return;
  }
  await globalThis.reportSaved(lane, [number]);
}

function weaken(durability: 'relaxed'): void {
  const original = Reflect.get(IDBDatabase.prototype, 'transaction');
  IDBDatabase.prototype.transaction = function (stores, mode) {
    return Reflect.apply(original, this, [stores, mode, { durability }]);
  };
}
