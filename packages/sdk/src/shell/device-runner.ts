import {
  decodeDown,
  type DeviceId,
  encodeUp,
  instant,
  type Instant,
  ProtocolError,
} from '@fieldpost/protocol';
import type { DeviceEffect, DeviceEvent, DeviceState } from '../core/device/device-state.ts';
import { deviceDeadline, stepDevice } from '../core/device/device.ts';
import type { SessionProblem } from '../core/session/session-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Hints } from '../ports/hints.ts';
import type { LeaderLock } from '../ports/leader-lock.ts';
import type { LogState, OutboxStore, SegmentKey } from '../ports/outbox-store.ts';
import type { Signals } from '../ports/signals.ts';
import type { CloseReason, Connection, Transport } from '../ports/transport.ts';
import { readSignal, writeSignal } from './signal.ts';
import { tokenEnd } from './token-end.ts';

export interface RunnerPorts {
  readonly store: OutboxStore;
  readonly socket: Transport;
  readonly http: Transport;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly leaderLock: LeaderLock;
  readonly signals: Signals;
  readonly hints: Hints;
}

interface RunnerListener {
  /** Streams have been settled, here or elsewhere. */
  announced(effect: Extract<DeviceEffect, { type: 'announce' }>): void;
  /** Another copy of the data kept the old id. */
  deviceRenewed(device: DeviceId): void;
  endEpoch(effect: Extract<DeviceEffect, { type: 'endEpoch' }>): void;
  /** Undefined after a settlement that worked. */
  storageChanged(error: unknown): void;
  /** After each turn of the loop. */
  stepped(state: DeviceState): void;
}

export interface RunnerOptions {
  readonly ports: RunnerPorts;
  readonly state: DeviceState;
  /** The name of the lock: one leader for each database. */
  readonly lockName: string;
  readonly gateway: () => string | Promise<string>;
  readonly token: () => string | Promise<string>;
  readonly mintDevice: () => DeviceId;
  readonly listener: RunnerListener;
}

/**
 * Runs the device: one loop that feeds events to the machine and performs what it answers, and one timer. Whatever the
 * outside throws becomes an event.
 */
export class DeviceRunner {
  readonly #options: RunnerOptions;
  readonly #ports: RunnerPorts;
  readonly #events: DeviceEvent[] = [];
  readonly #stops: (() => void)[] = [];
  #isStepping = false;
  #isStopped = false;
  #connection: Connection | undefined;
  #gateway = '';
  #releaseLock: (() => void) | undefined;
  #timer: { readonly at: Instant; readonly cancel: () => void } | undefined;
  /** Requests to the store that are under way. */
  #pending = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#ports = options.ports;
  }

  /** Reads the log, then runs. Rejects when the log cannot be read. */
  async start(): Promise<void> {
    const { log, keys } = await this.#readLog();
    const { signals, hints } = this.#ports;
    this.#stops.push(
      signals.subscribe((message) => {
        const signal = readSignal(message);
        if (signal !== undefined) this.dispatch({ type: 'signalled', signal });
      }),
      hints.subscribe(() => this.dispatch({ type: 'hinted' })),
    );
    this.dispatch({ type: 'logRead', log, keys });
    this.dispatch({ type: 'started' });
  }

  /** Feeds an event to the machine. Events that come while it is being stepped wait their turn. */
  dispatch(event: DeviceEvent): void {
    if (this.#isStopped) return;
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of stepDevice(this.#options.state, next, this.#moment())) this.#perform(effect);
      }
    } finally {
      this.#isStepping = false;
    }
    this.#setTimer();
    this.#options.listener.stepped(this.#options.state);
  }

  /** Ends the session and gives up the lead. Resolves when the store is no longer in use. */
  async stop(): Promise<void> {
    this.dispatch({ type: 'closing' });
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
    this.#connection?.close();
    this.#connection = undefined;
    this.#releaseLock?.();
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #moment(): Parameters<typeof stepDevice>[2] {
    const { clock, entropy } = this.#ports;
    return { now: instant(clock.monotonicMs()), wallMs: clock.wallMs(), jitter: entropy.jitter() };
  }

  #perform(effect: DeviceEffect): void {
    switch (effect.type) {
      case 'readLog':
      case 'list':
      case 'load':
      case 'settle':
      case 'offer':
      case 'reopen':
      case 'renewDevice':
      case 'askLease':
      case 'giveUpLease':
        return this.#askStore(effect);
      case 'acquireLock':
        return this.#acquireLock();
      case 'releaseLock':
        this.#releaseLock?.();
        this.#releaseLock = undefined;
        return;
      case 'askToken':
        return this.#askToken(effect.connection);
      case 'connect':
        return this.#connect(effect);
      case 'send':
        return this.#connection?.send(effect.frames.map(encodeUp));
      case 'setToken':
        return this.#connection?.setToken(effect.token);
      case 'disconnect':
        this.#connection?.close();
        this.#connection = undefined;
        return;
      case 'post':
        return this.#ports.signals.post(writeSignal(effect.signal));
      case 'announce':
        return this.#options.listener.announced(effect);
      case 'endEpoch':
        return this.#options.listener.endEpoch(effect);
    }
  }

  #askStore(effect: StoreEffect): void {
    const { store } = this.#ports;
    const { holder } = this.#options.state;
    switch (effect.type) {
      case 'readLog':
        return this.#request(
          this.#readLog(),
          ({ log, keys }) => ({ type: 'logRead', log, keys }),
          () => ({ type: 'logReadFailed' }),
        );
      case 'list':
        return this.#request(
          store.listSegments({ after: effect.after }),
          (keys) => ({ type: 'listed', after: effect.after, keys }),
          () => ({ type: 'listFailed' }),
        );
      case 'load': {
        const { load, after, bytesMax } = effect;
        return this.#request(
          store.loadSegments({ after, bytesMax }),
          (segments) => ({ type: 'loaded', load, after, segments }),
          () => ({ type: 'loadFailed', load }),
        );
      }
      case 'settle':
        return this.#settle(effect);
      case 'offer':
        return this.#request(
          store.offer(holder, effect),
          ({ held, skips }) => ({ type: 'offered', held, skips }),
          () => ({ type: 'offerFailed' }),
        );
      case 'reopen':
        return this.#reopen(effect);
      case 'renewDevice':
        return this.#renewDevice(effect.from);
      case 'askLease':
        return this.#request(
          store.lease({ holder, until: effect.until, now: effect.now }),
          (lease) => ({ type: 'leaseAnswered', lease }),
          () => ({ type: 'leaseAnswered', lease: undefined }),
        );
      case 'giveUpLease':
        return this.#request(
          store.lease({ holder, until: 0, now: this.#ports.clock.wallMs() }),
          nothing,
          nothing,
        );
    }
  }

  #settle({ settlement }: Extract<DeviceEffect, { type: 'settle' }>): void {
    const { listener, state } = this.#options;
    this.#request(
      this.#ports.store.settle(state.holder, settlement),
      (held) => {
        listener.storageChanged(undefined);
        return { type: 'settled', held };
      },
      (error) => {
        listener.storageChanged(error);
        return { type: 'settleFailed' };
      },
    );
  }

  #reopen({ reopening }: Extract<DeviceEffect, { type: 'reopen' }>): void {
    this.#request(
      this.#ports.store.reopen(this.#options.state.holder, reopening),
      (result) => ({ type: 'reopened', result }),
      () => ({ type: 'reopened', result: undefined }),
    );
  }

  #renewDevice(from: DeviceId): void {
    const { listener, ports } = this.#options;
    this.#request(
      ports.store.renewDevice({ from, to: this.#options.mintDevice() }),
      (device) => {
        listener.deviceRenewed(device);
        return { type: 'deviceRenewed', device };
      },
      () => ({ type: 'deviceRenewed', device: undefined }),
    );
  }

  #request<Result>(
    request: Promise<Result>,
    toEvent: (result: Result) => DeviceEvent | undefined,
    toFailure: (error: unknown) => DeviceEvent | undefined,
  ): void {
    this.#pending++;
    const finish = (event: DeviceEvent | undefined): void => {
      this.#pending--;
      if (event !== undefined) this.dispatch(event);
      if (this.#pending === 0) for (const idle of this.#whenIdle.splice(0)) idle();
    };
    request.then(
      (result) => finish(toEvent(result)),
      (error: unknown) => finish(toFailure(error)),
    );
  }

  async #readLog(): Promise<{ log: LogState; keys: readonly SegmentKey[] }> {
    const log = await this.#ports.store.readLog();
    return { log, keys: await this.#ports.store.listSegments({ after: log.settledUpTo }) };
  }

  #acquireLock(): void {
    this.#releaseLock?.();
    this.#releaseLock = this.#ports.leaderLock.acquire(this.#options.lockName, {
      held: () => this.dispatch({ type: 'lockHeld' }),
      lost: () => this.dispatch({ type: 'lockLost' }),
    });
  }

  #askToken(connection: number): void {
    const ask = async (): Promise<string> => {
      this.#gateway = await this.#options.gateway();
      return this.#options.token();
    };
    ask().then(
      (token) => this.dispatch(tokenEvent(connection, token)),
      (error: unknown) => this.dispatch({ type: 'tokenFailed', connection, problem: tokenProblem(error) }),
    );
  }

  #connect({ connection, via, token }: Extract<DeviceEffect, { type: 'connect' }>): void {
    this.#connection?.close();
    const transport = via === 'socket' ? this.#ports.socket : this.#ports.http;
    let isOver = false;
    const closed = (reason: CloseReason): void => {
      if (isOver) return;
      isOver = true;
      this.dispatch({ type: 'closed', connection, reason });
    };
    try {
      this.#connection = transport.connect(
        { gateway: this.#gateway, token },
        {
          opened: () => this.dispatch({ type: 'opened', connection }),
          received: (bytes) => this.#received(connection, bytes),
          closed,
        },
      );
    } catch (error) {
      closed({ code: 'lost', detail: String(error) });
    }
  }

  #received(connection: number, bytes: Uint8Array): void {
    let event: DeviceEvent;
    try {
      event = { type: 'frameReceived', connection, frame: decodeDown(bytes) };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      event = { type: 'malformedReceived', connection };
    }
    this.dispatch(event);
  }

  #setTimer(): void {
    const at = this.#isStopped
      ? undefined
      : deviceDeadline(this.#options.state, instant(this.#ports.clock.monotonicMs()));
    if (at === this.#timer?.at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    const delayMs = Math.max(0, Math.ceil(at - this.#ports.clock.monotonicMs()));
    const cancel = this.#ports.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.dispatch({ type: 'deadlineReached' });
    });
    this.#timer = { at, cancel };
  }
}

type StoreEffect = Extract<
  DeviceEffect,
  {
    readonly type:
      | 'readLog'
      | 'list'
      | 'load'
      | 'settle'
      | 'offer'
      | 'reopen'
      | 'renewDevice'
      | 'askLease'
      | 'giveUpLease';
  }
>;

function tokenEvent(connection: number, token: unknown): DeviceEvent {
  if (typeof token === 'string' && token !== '') {
    return { type: 'tokenGiven', connection, token: { text: token, endsAtMs: tokenEnd(token) } };
  }
  const problem = { code: 'token-unavailable', detail: `token() gave ${typeof token}, not a text` };
  return { type: 'tokenFailed', connection, problem };
}

/** That whoever gives tokens was not reached says nothing of whether the user may send. The app says so by the code. */
function tokenProblem(error: unknown): SessionProblem {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const detail = `token() failed: ${String(error)}`;
  return { code: code === 'unauthorized' ? code : 'token-unavailable', detail };
}

function nothing(): undefined {
  return undefined;
}
