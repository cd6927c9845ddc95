import { randomBytes, randomUUID } from 'node:crypto';
import {
  decodeDown,
  type DeviceId,
  type DownFrame,
  encodeUp,
  type EpochId,
  FRAME_EVENT,
  type Session,
  type UpFrame,
} from '@fieldpost/protocol';
import { io } from 'socket.io-client';
import type { LoadDevice, LoadTarget } from './load-device.ts';

/** The queue that every benchmark sends to. */
export const queue = 'orders';
const priority = 3;

/** A device as the protocol asks for: a hello, then pushes of one stream, each waited for until its number is accepted. */
export function createFieldpostDevice(target: LoadTarget): LoadDevice {
  return new FieldpostDevice(target);
}

interface Waiting {
  readonly last: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

class FieldpostDevice implements LoadDevice {
  readonly #device = randomUUID() as string as DeviceId;
  readonly #epoch = randomBytes(16).toString('hex') as EpochId;
  readonly #socket;
  #session: Session | undefined;
  #acknowledged = 0;
  #waiting: Waiting[] = [];
  #welcomed: { resolve: () => void; reject: (reason: Error) => void } | undefined;

  constructor(target: LoadTarget) {
    this.#socket = io(target.url, {
      path: '/v1/socket',
      auth: { token: target.token },
      transports: ['websocket'],
      autoConnect: false,
      reconnection: false,
      forceNew: true,
    });
    this.#socket.on(FRAME_EVENT, (bytes: Uint8Array) => this.#hear(decodeDown(bytes)));
    this.#socket.on('connect_error', (error) => this.#fail(error));
    this.#socket.on('disconnect', (reason) => this.#fail(new Error(`disconnected: ${reason}`)));
  }

  async open(): Promise<void> {
    const welcomed = new Promise<void>((resolve, reject) => {
      this.#welcomed = { resolve, reject };
    });
    this.#socket.on('connect', () =>
      this.#send({
        type: 'hello',
        versions: [1, 1],
        device: this.#device,
        streams: [],
        waiting: { messages: 0, bytes: 0, oldestAgeMs: 0 },
      }),
    );
    this.#socket.connect();
    await welcomed;
  }

  async push(first: number, count: number, entries: Uint8Array<ArrayBuffer>): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw new Error('not welcomed yet');
    const accepted = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ last: first + count - 1, resolve, reject });
    });
    const run = { epoch: this.#epoch, queue, priority, first, attempt: 0, ageMs: 0, messages: entries };
    this.#send({ type: 'push', session, runs: [{ ...run, acknowledged: this.#acknowledged }] });
    await accepted;
  }

  close(): void {
    this.#socket.off('disconnect');
    this.#socket.close();
  }

  #send(frame: UpFrame): void {
    this.#socket.emit(FRAME_EVENT, encodeUp(frame));
  }

  #hear(frame: DownFrame): void {
    if (frame.type === 'welcome') {
      this.#session = frame.session;
      this.#welcomed?.resolve();
    } else if (frame.type === 'ack') {
      for (const { accepted, refusals, stall } of frame.streams) {
        if (refusals !== undefined || stall !== undefined)
          this.#fail(new Error(`not accepted: ${JSON.stringify(frame)}`));
        this.#acknowledged = Math.max(this.#acknowledged, accepted);
      }
      for (const { last, resolve } of this.#waiting) if (last <= this.#acknowledged) resolve();
      this.#waiting = this.#waiting.filter(({ last }) => last > this.#acknowledged);
    } else {
      this.#fail(new Error(`the gateway answered ${JSON.stringify(frame)}`));
    }
  }

  #fail(reason: Error): void {
    this.#welcomed?.reject(reason);
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting = [];
  }
}
