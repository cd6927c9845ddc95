import { appendFileSync } from 'node:fs';

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

  /** Something is wrong: the day goes on, and will have failed. */
  find(finding: string): void {
    this.#findings.push(finding);
    this.note(finding);
  }

  findings(): readonly string[] {
    return this.#findings;
  }
}
