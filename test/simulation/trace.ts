/**
 * What happened in a world, in order, as one number: two runs of a seed that differ anywhere differ here. The lines
 * themselves are kept only on demand, because they cost more than the world.
 */
export class Trace {
  #one = 0x811c9dc5;
  #two = 0x9747b28c;
  #notes = 0;
  readonly #lines: string[] | undefined;

  constructor(options: { readonly keepsLines: boolean }) {
    this.#lines = options.keepsLines ? [] : undefined;
  }

  /** Notes that something happened. */
  note(atMs: number, what: string, ...details: readonly (string | number)[]): void {
    this.#notes++;
    this.#mixNumber(atMs);
    this.#mixText(what);
    for (const detail of details) {
      if (typeof detail === 'number') this.#mixNumber(detail);
      else this.#mixText(detail);
    }
    this.#lines?.push(`${String(atMs).padStart(8)} ${what} ${details.join(' ')}`);
  }

  /** A number for bytes, to note beside an event. */
  static of(bytes: Uint8Array): number {
    let hash = 0x811c9dc5;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    return hash >>> 0;
  }

  get notes(): number {
    return this.#notes;
  }

  get hash(): string {
    return hex(this.#one) + hex(this.#two);
  }

  /** Every line, oldest first; none unless they were asked for. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  #mixText(text: string): void {
    let one = this.#one;
    let two = this.#two;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      one = Math.imul(one ^ unit, 0x01000193);
      two = Math.imul(two ^ unit, 0x5bd1e995);
    }
    this.#one = one ^ 0x2c;
    this.#two = Math.imul(two ^ (two >>> 15), 0x5bd1e995);
  }

  #mixNumber(value: number): void {
    const low = value | 0;
    const high = Math.floor(value / 2 ** 32) | 0;
    this.#one = Math.imul(Math.imul(this.#one ^ low, 0x01000193) ^ high, 0x01000193);
    this.#two = Math.imul((this.#two ^ low) + high, 0x5bd1e995);
    this.#two ^= this.#two >>> 13;
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
