import { type EpochId, hexFromBytes, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';

const ID_BYTES = 16;
const POOL_BYTES = 256 * ID_BYTES;
/** 2^32 milliseconds: what the lower four bytes of a UUIDv7's time count up to. */
const LOW_MS = 0x1_0000_0000;

/** A message's id as bytes. Its text is made when somebody asks: for most messages of a burst nobody ever does. */
export class MintedId {
  readonly #pool: Uint8Array;
  readonly #at: number;

  constructor(pool: Uint8Array, at: number) {
    this.#pool = pool;
    this.#at = at;
  }

  get text(): MessageId {
    return uuidFromBytes(this.#pool.subarray(this.#at, this.#at + ID_BYTES)) as MessageId;
  }

  /** Writes the 16 bytes. */
  copyTo(target: Uint8Array, at: number): void {
    const pool = this.#pool;
    const from = this.#at;
    // Not `set()`: it needs a view of the pool, which costs more than sixteen bytes.
    for (let index = 0; index < ID_BYTES; index++) target[at + index] = pool[from + index] ?? 0;
  }
}

/** Makes ids. Random bytes are drawn many at a time: a call for each message would cost more than the message. */
export class Mint {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  #pool = new Uint8Array(0);
  #used = 0;

  constructor(clock: Clock, entropy: Entropy) {
    this.#clock = clock;
    this.#entropy = entropy;
  }

  /** A new UUIDv7 (RFC 9562 §5.7). */
  messageId(): MintedId {
    const at = this.#draw();
    const pool = this.#pool;
    const unixMs = Math.max(0, Math.floor(this.#clock.wallMs()));
    const high = Math.floor(unixMs / LOW_MS);
    const low = unixMs % LOW_MS;
    pool[at] = high >>> 8;
    pool[at + 1] = high;
    pool[at + 2] = low >>> 24;
    pool[at + 3] = low >>> 16;
    pool[at + 4] = low >>> 8;
    pool[at + 5] = low;
    this.#markVersion(at, 0x70);
    return new MintedId(pool, at);
  }

  epoch(): EpochId {
    return hexFromBytes(this.#entropy.bytes(ID_BYTES)) as EpochId;
  }

  /** A UUIDv4, for devices, holders and writes. */
  uuid(): string {
    const at = this.#draw();
    this.#markVersion(at, 0x40);
    return uuidFromBytes(this.#pool.subarray(at, at + ID_BYTES));
  }

  /** Where in the pool the next 16 random bytes are. Nobody else gets them, so an id may stay there. */
  #draw(): number {
    if (this.#used === this.#pool.length) {
      this.#pool = this.#entropy.bytes(POOL_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += ID_BYTES;
    return at;
  }

  #markVersion(at: number, version: number): void {
    const pool = this.#pool;
    pool[at + 6] = version | ((pool[at + 6] ?? 0) & 0x0f);
    pool[at + 8] = 0x80 | ((pool[at + 8] ?? 0) & 0x3f);
  }
}
