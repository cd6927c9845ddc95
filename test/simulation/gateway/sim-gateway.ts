import {
  createCryptoDigest,
  createGateway,
  type Failpoint,
  type FrameReceiver,
  type FrameSocket,
  type Gateway,
  type LogFields,
  type Principal,
  AjvBodySchemas,
  CelConditions,
} from '@fieldpost/gateway';
import { createRng, type Rng } from '@fieldpost/protocol';
import type { FaultBook } from '../faults/fault-book.ts';
import type { History } from '../history.ts';
import { SimProcess } from '../time/sim-process.ts';
import type { Timeline } from '../time/timeline.ts';
import type { WallClock } from '../time/wall-clock.ts';
import type { Trace } from '../trace.ts';
import type { SimStore } from './sim-store.ts';
import { simAuthenticator } from './tokens.ts';

export interface SimGatewayOptions {
  readonly name: string;
  /** Names this start: every one draws its own nonces. */
  readonly seed: string;
  readonly timeline: Timeline;
  readonly clock: WallClock;
  readonly store: SimStore;
  readonly history: History;
  readonly book: FaultBook;
  readonly trace: Trace;
}

/** One start of the real gateway, on a handle of the shared store. */
export class SimGateway {
  readonly name: string;
  readonly process = new SimProcess();
  readonly #gateway: Gateway;
  readonly #options: SimGatewayOptions;

  constructor(options: SimGatewayOptions) {
    const { timeline, clock, store } = options;
    this.name = options.name;
    this.#options = options;
    const rng = createRng(options.seed);
    this.#gateway = createGateway(
      {
        store: store.open(this.process),
        clock: {
          now: () => clock.now(),
          schedule: (delayMs, wake) => timeline.schedule(delayMs, () => this.process.reach(wake)),
        },
        entropy: { bytes: (length) => quickBytes(rng, length) },
        digest: DIGEST,
        conditions: new CelConditions(),
        schemas: new AjvBodySchemas(),
        logger: {
          debug: () => undefined,
          info: () => undefined,
          warn: () => undefined,
          error: (fields, message) => this.#logged(fields, message),
        },
        authenticator: simAuthenticator,
        failpoints: { reach: (point) => this.#reached(point) },
      },
      { version: '0', origins: ['*'], onStoreFailure: () => this.process.kill() },
    );
    this.#gateway.start().catch((error: unknown) => {
      const detail = `${options.name} could not begin: ${String(error)}`;
      if (!this.process.isDead) options.history.scandals.push({ checker: 'faultless', detail });
    });
  }

  authenticate(token: string): Promise<Principal> {
    return simAuthenticator.authenticate(token, this.#options.clock.now());
  }

  /** Takes over a connection; undefined when there is nobody any more. */
  accept(principal: Principal, socket: FrameSocket): FrameReceiver | undefined {
    if (this.process.isDead) return undefined;
    const { process } = this;
    const receiver = this.#gateway.accept(principal, {
      send: (frame) => (process.isDead ? undefined : socket.send(frame)),
      disconnect: () => (process.isDead ? undefined : socket.disconnect()),
    });
    return {
      received: (frame) => process.reach(() => receiver.received(frame)),
      receivedOther: (what) => process.reach(() => receiver.receivedOther(what)),
      disconnected: () => process.reach(() => receiver.disconnected()),
    };
  }

  /** Answers a request, unless the process ends first. */
  serve(request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.process.reach(() => {
        this.process.hear(Promise.resolve(this.#gateway.fetch(request))).then(resolve, reject);
      });
    });
  }

  /** Ends it as an operator would: what was taken is answered. */
  stop(): Promise<void> {
    return this.#gateway.stop().then(() => this.process.kill());
  }

  #reached(point: Failpoint): void {
    if (!this.#options.book.takes(`gateway-killed-at-${point}`, 'gateways')) return;
    this.#options.trace.note(this.#options.timeline.nowMs, 'failpoint', this.name, point);
    this.process.kill();
  }

  /** A fault of the gateway's own is one, whatever came of it. */
  #logged(fields: LogFields, message: string): void {
    if (message !== 'a connection failed') return;
    this.#options.history.scandals.push({
      checker: 'faultless',
      detail: `${this.name}: ${message} at ${String(fields['event'])}: ${String(fields['error'])}`,
    });
  }
}

const DIGEST = createCryptoDigest();

/** Random bytes, four to a draw. */
export function quickBytes(rng: Rng, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 4) {
    const draw = Math.floor(rng.next() * 2 ** 32);
    bytes[index] = draw;
    bytes[index + 1] = draw >>> 8;
    bytes[index + 2] = draw >>> 16;
    bytes[index + 3] = draw >>> 24;
  }
  return bytes;
}
