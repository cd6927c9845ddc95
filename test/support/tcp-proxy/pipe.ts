import type { Socket } from 'node:net';
import type { Link } from './link.ts';

/** Slices put on a slow line one by one, so that two connections share it fairly. */
const sliceBytes = 4096;
/** What may be on the way before the source is told to wait, as in a router's buffer. */
const onTheWayBytesMax = 64 * 1024;

/** Carries bytes over one direction of a line, in order, with back-pressure to the source. */
export class Pipe {
  readonly #source: Socket;
  readonly #sink: () => Socket | undefined;
  readonly #link: Link;
  readonly #count: (bytes: number) => void;
  readonly #waiting: { readonly bytes: Buffer; readonly atMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #waitingBytes = 0;
  #ended = false;
  #held = false;

  constructor(options: {
    readonly source: Socket;
    readonly sink: () => Socket | undefined;
    readonly link: Link;
    readonly count: (bytes: number) => void;
  }) {
    this.#source = options.source;
    this.#sink = options.sink;
    this.#link = options.link;
    this.#count = options.count;
  }

  write(chunk: Buffer): void {
    if (this.#link.immediate) {
      this.#deliver(chunk);
      return;
    }
    for (let offset = 0; offset < chunk.length; offset += sliceBytes) {
      const bytes = chunk.subarray(offset, offset + sliceBytes);
      this.#waiting.push({ bytes, atMs: this.#link.put(bytes.length, performance.now()) });
    }
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > onTheWayBytesMax) this.#source.pause();
    this.#arm();
  }

  /** The source said its last: so will the sink hear it, after the bytes that are on the way. */
  end(): void {
    this.#ended = true;
    if (this.#waiting.length === 0) this.#sink()?.end();
  }

  /** Nothing is read from the source until {@link release}. */
  hold(): void {
    this.#held = true;
    this.#source.pause();
  }

  release(): void {
    this.#held = false;
    if (this.#waitingBytes <= onTheWayBytesMax) this.#source.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #arm(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#arrive(), Math.max(0, next.atMs - performance.now()));
  }

  #arrive(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].atMs <= nowMs) {
      const { bytes } = this.#waiting.shift() ?? { bytes: Buffer.alloc(0) };
      this.#waitingBytes -= bytes.length;
      this.#deliver(bytes);
    }
    if (!this.#held && this.#waitingBytes <= onTheWayBytesMax) this.#source.resume();
    if (this.#ended && this.#waiting.length === 0) this.#sink()?.end();
    this.#arm();
  }

  #deliver(bytes: Buffer): void {
    const sink = this.#sink();
    if (sink === undefined || sink.destroyed || sink.writableEnded) return;
    this.#count(bytes.length);
    if (sink.write(bytes) || this.#held) return;
    this.#source.pause();
    sink.once('drain', () => {
      if (!this.#held) this.#source.resume();
    });
  }
}
