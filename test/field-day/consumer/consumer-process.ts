import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';

export interface ConsumerProcessOptions {
  readonly gateway: string;
  readonly token: string;
  readonly queue: string;
  readonly ledger: string;
  /** Where what it says goes. */
  readonly log: string;
  /** The process died without being asked to, and not by its own planned SIGKILL. */
  readonly onSurprise: (reason: string) => void;
}

const stopWithinMs = 20_000;

/** The consumer as a process of its own. */
export class ConsumerProcess {
  readonly #options: ConsumerProcessOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #isDisposed = false;

  constructor(options: ConsumerProcessOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.log, { flags: 'a' });
  }

  /** @param dieAfter kills itself with SIGKILL after so many bookings of this start, each committed and not acknowledged */
  start(dieAfter?: number): void {
    if (this.#isDisposed) throw new Error('the day is over');
    const { gateway, token, queue, ledger } = this.#options;
    const child = fork(join(import.meta.dirname, 'main.ts'), {
      execArgv: ['--conditions=@fieldpost/source'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        FIELD_DAY_GATEWAY: gateway,
        FIELD_DAY_TOKEN: token,
        FIELD_DAY_QUEUE: queue,
        FIELD_DAY_LEDGER: ledger,
        ...(dieAfter === undefined ? {} : { FIELD_DAY_DIE_AFTER: String(dieAfter) }),
      },
    });
    child.stdout?.pipe(this.#log, { end: false });
    child.stderr?.pipe(this.#log, { end: false });
    child.once('exit', (code, signal) => {
      if (this.#child !== child || (signal === 'SIGKILL' && dieAfter !== undefined)) return;
      this.#options.onSurprise(`the consumer ended with ${signal ?? code}; see ${this.#options.log}`);
    });
    this.#child = child;
  }

  /** Resolves when a process that was started with `dieAfter` is dead. */
  async died(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, 'exit');
    this.#child = undefined;
  }

  /** Lets it finish what it holds. */
  async stop(): Promise<void> {
    const child = this.#take();
    if (child === undefined) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    await once(child, 'exit');
    clearTimeout(late);
  }

  /** For a process that is about to exit itself. */
  killNow(): void {
    this.#take()?.kill('SIGKILL');
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const child = this.#take();
    if (child !== undefined) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    this.#log.end();
  }

  #take(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    return child === undefined || child.exitCode !== null || child.signalCode !== null ? undefined : child;
  }
}
