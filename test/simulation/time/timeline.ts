/**
 * Simulated time and everything that happens in it: one queue of steps, in order of their time, and of their scheduling
 * where the times are equal. Nothing in a world runs but from here.
 */
export class Timeline {
  #nowMs = 0;
  #scheduled = 0;
  #steps = 0;
  readonly #heap: Entry[] = [];

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Steps run so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs `run` once, `delayMs` from now. Returns the way to call it off. */
  schedule(delayMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: ++this.#scheduled, run };
    this.#push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  /** Lets time pass up to `untilMs`, step by step, unless `isEnough` says after a step that this is enough. */
  async run(untilMs: number, isEnough: () => boolean = () => false): Promise<void> {
    // What was begun before the first step comes first.
    await settled();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      if (next.run === undefined) continue;
      this.#nowMs = next.atMs;
      this.#steps++;
      next.run();
      await settled();
      if (isEnough()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/**
 * Resolves when every promise callback that a step set off has run, however long the chain: a tick of Node's own queue
 * comes only after the queue of promises is empty.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
