import { type EpochId, hexFromBytes, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';

const POOL_BYTES = 2560;
const RANDOM_BYTES = 10;

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

  /** A new UUIDv7 (RFC 9562 §5.7), written into `target`, which must hold 16 bytes. */
  messageId(target: Uint8Array): MessageId {
    if (this.#used + RANDOM_BYTES > this.#pool.length) {
      this.#pool = this.#entropy.bytes(POOL_BYTES);
      this.#used = 0;
    }
    let unixMs = Math.max(0, Math.floor(this.#clock.wallMs()));
    for (let index = 5; index >= 0; index--) {
      target[index] = unixMs % 256;
      unixMs = Math.floor(unixMs / 256);
    }
    for (let index = 0; index < RANDOM_BYTES; index++)
      target[6 + index] = this.#pool[this.#used + index] ?? 0;
    this.#used += RANDOM_BYTES;
    target[6] = 0x70 | ((target[6] ?? 0) & 0x0f);
    target[8] = 0x80 | ((target[8] ?? 0) & 0x3f);
    return uuidFromBytes(target) as MessageId;
  }

  epoch(): EpochId {
    return hexFromBytes(this.#entropy.bytes(16)) as EpochId;
  }

  /** A UUIDv4, for devices, holders and writes. */
  uuid(): string {
    const bytes = this.#entropy.bytes(16);
    bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    return uuidFromBytes(bytes);
  }
}
