import {
  CodedError,
  decodeUp,
  encodeDown,
  type Hello,
  isErrorFrameCode,
  ProtocolError,
  type UpFrame,
} from '@fieldpost/protocol';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  nextConnectionDeadline,
  openConnection,
  stepConnection,
} from '../core/connection.ts';
import type { HelloResult } from '../core/hello.ts';
import type { Authenticator, Principal } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import type { FrameReceiver, FrameSocket } from '../ports/frame-socket.ts';
import type { Logger } from '../ports/logger.ts';
import type { Intake } from './intake.ts';
import type { LiveSessions } from './live-sessions.ts';

export interface DeviceConnectionPorts {
  readonly intake: Intake;
  readonly liveSessions: LiveSessions;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoints: Failpoints;
}

/** Runs the machine of `core/connection.ts` for one socket: feeds it events, performs its effects. */
export class DeviceConnection implements FrameReceiver {
  /** Settles when the connection is over. */
  readonly closed: Promise<void>;
  readonly #ports: DeviceConnectionPorts;
  readonly #socket: FrameSocket;
  #state: ConnectionState;
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;
  #unregister: (() => void) | undefined;
  #markClosed: () => void = () => undefined;

  constructor(ports: DeviceConnectionPorts, principal: Principal, socket: FrameSocket) {
    this.#ports = ports;
    this.#socket = socket;
    this.#state = openConnection(principal, ports.clock.now());
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
    this.#watchDeadline();
  }

  received(bytes: Uint8Array): void {
    this.#ports.failpoints.reach('frame-received');
    const event = readFrame(bytes, this.#ports.intake.isOverloaded());
    this.#ports.failpoints.reach('frame-parsed');
    this.#feed(event);
  }

  receivedOther(what: string): void {
    this.#feed({ type: 'frame-unreadable', detail: what });
  }

  disconnected(): void {
    this.#feed({ type: 'disconnected' });
  }

  /** Answers what was taken, then closes. */
  stop(): void {
    this.#feed({ type: 'stop-requested' });
  }

  #feed(event: ConnectionEvent): void {
    try {
      const step = stepConnection(this.#state, event, this.#ports.clock.now());
      this.#state = step.state;
      for (const effect of step.effects) this.#perform(effect);
    } catch (error) {
      // A fault of ours in one connection must not take the others down with it.
      this.#ports.logger.error({ event: event.type, error }, 'a connection failed');
      this.#state = { ...this.#state, phase: 'closed' };
      this.#socket.disconnect();
    }
    if (this.#state.phase === 'closed') this.#tidyUp();
    else this.#watchDeadline();
  }

  #perform(effect: ConnectionEffect): void {
    const { intake, authenticator, clock, failpoints } = this.#ports;
    switch (effect.type) {
      case 'send':
        this.#socket.send(encodeDown(effect.frame));
        if (effect.frame.type === 'ack') failpoints.reach('push-answered');
        return;
      case 'disconnect':
        this.#socket.disconnect();
        return;
      case 'check-token': {
        const check = authenticator.authenticate(effect.token, clock.now()).catch(() => undefined);
        this.#settle(check, (principal) => ({ type: 'token-checked', principal }));
        return;
      }
      case 'decide-hello': {
        const { hello } = effect;
        this.#settle(intake.hello(hello, effect.principal, 'socket'), (result) =>
          this.#helloDecided(hello, result),
        );
        return;
      }
      case 'decide-push': {
        const { cost } = effect;
        const decide = intake.push(effect.push, effect, effect);
        this.#settle(decide, (result) => ({ type: 'push-decided', cost, result }));
        return;
      }
      case 'decide-fates': {
        const { cost, request, principal } = effect;
        this.#settle(intake.tellFates(request, principal), (result) => ({
          type: 'fates-decided',
          cost,
          result,
        }));
        return;
      }
      case 'decide-close': {
        const { cost } = effect;
        this.#settle(intake.closeEpochs(effect.frame, effect), (result) => ({
          type: 'close-decided',
          cost,
          result,
        }));
      }
    }
  }

  #helloDecided(hello: Hello, result: HelloResult): ConnectionEvent {
    if (result.reply.type === 'welcome' && this.#state.phase !== 'closed') {
      this.#unregister = this.#ports.liveSessions.register(hello.device, result.reply.session, {
        superseded: (session) => this.#feed({ type: 'superseded', session }),
        revoked: () => this.#feed({ type: 'revoked' }),
        fatesNoticed: () => this.#feed({ type: 'fates-noticed' }),
      });
    }
    return { type: 'hello-decided', hello, result };
  }

  /** Feeds the outcome of something begun; a failed store ends the connection without any acknowledgement. */
  #settle<Result>(begun: Promise<Result>, toEvent: (result: Result) => ConnectionEvent): void {
    begun.then(
      (result) => this.#feed(toEvent(result)),
      (error: unknown) => {
        this.#ports.logger.error({ error }, 'a frame could not be served');
        const isTold = error instanceof CodedError && isErrorFrameCode(error.code);
        this.#feed({ type: 'store-failed', code: isTold ? error.code : 'internal' });
      },
    );
  }

  #watchDeadline(): void {
    const at = nextConnectionDeadline(this.#state)?.at;
    if (at === this.#timer?.at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    const { clock } = this.#ports;
    const wake = (): void => {
      this.#timer = undefined;
      this.#feed({ type: 'deadline-reached' });
    };
    this.#timer = { at, cancel: clock.schedule(at - clock.now(), wake) };
  }

  #tidyUp(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#unregister?.();
    this.#unregister = undefined;
    this.#markClosed();
  }
}

function readFrame(bytes: Uint8Array, isOverloaded: boolean): ConnectionEvent {
  let frame: UpFrame;
  try {
    frame = decodeUp(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return { type: 'frame-unreadable', detail: error.message };
    throw error;
  }
  return { type: 'frame-received', frame, bytes: bytes.length, isOverloaded };
}
