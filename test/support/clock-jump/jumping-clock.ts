import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLibrary } from '../build-library.ts';

const SOURCE = join(import.meta.dirname, 'clock-jump.c');

/** A wall clock for processes that jumps when it is told to: they see it at once, their timers do not. */
export class JumpingClock {
  readonly #folder: string;
  readonly #file: number;
  #offsetMs = 0;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'fieldpost-clock-'));
    // There before any process maps it.
    writeFileSync(this.#path, Buffer.alloc(8));
    this.#file = openSync(this.#path, 'r+');
  }

  /** How far it is from the machine's own. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** The library to preload, and what it needs. */
  get library(): string {
    return buildLibrary(SOURCE);
  }

  get variables(): Readonly<Record<string, string>> {
    return { CLOCK_JUMP_FILE: this.#path };
  }

  /** Sets it so many milliseconds before or behind the machine's own. */
  jumpTo(offsetMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(offsetMs)));
    writeSync(this.#file, bytes, 0, 8, 0);
    this.#offsetMs = offsetMs;
  }

  dispose(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #path(): string {
    return join(this.#folder, 'offset');
  }
}
