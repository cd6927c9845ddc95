/** A process or a page: what it has begun goes on only while it lives, and waits while it is frozen. */
export class SimProcess {
  #state: 'running' | 'frozen' | 'dead' = 'running';
  readonly #backlog: (() => void)[] = [];
  readonly #onDeath = new Set<() => void>();

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Runs what reaches the process from outside: now, when it thaws, or never. */
  reach(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'frozen') this.#backlog.push(run);
  }

  /** The outcome of `begun`, when it reaches the process. */
  hear<Result>(begun: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      begun.then(
        (result) => this.reach(() => resolve(result)),
        (error: unknown) =>
          this.reach(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  }

  /** Calls `run` when the process dies. Returns the way to call it off. */
  onDeath(run: () => void): () => void {
    const entry = (): void => run();
    this.#onDeath.add(entry);
    return () => this.#onDeath.delete(entry);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const late of this.#backlog.splice(0)) this.reach(late);
  }

  /** Ends it as `kill -9` would. */
  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#backlog.length = 0;
    for (const run of this.#onDeath) run();
    this.#onDeath.clear();
  }
}
