import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What happened and when, in a file for whoever has to find out; and what should not have. */
export class DayLog {
  readonly #file: string;
  readonly #startedAt = performance.now();
  readonly #findings: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  note(event: string): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    appendFileSync(this.#file, `${seconds.toFixed(3)} ${event}\n`);
  }

  /** Keeps what a process said, in a file of its own. */
  keep(name: string, lines: readonly string[]): void {
    appendFileSync(join(dirname(this.#file), `${name}.log`), `${lines.join('\n')}\n`);
  }

  /** Something is wrong: the day goes on, and will have failed. */
  find(finding: string): void {
    this.#findings.push(finding);
    this.note(finding);
  }

  findings(): readonly string[] {
    return this.#findings;
  }
}
