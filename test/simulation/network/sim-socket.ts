import type { FrameReceiver, FrameSocket } from '@fieldpost/gateway';
import type {
  CloseReason,
  Connection,
  ConnectRequest,
  Transport,
  TransportListener,
} from '@fieldpost/sdk/testing';
import type { SimGateway } from '../gateway/sim-gateway.ts';
import { Trace } from '../trace.ts';
import type { Direction, Line } from './line.ts';

/** What socket.io takes to give a silent connection up: 25 s between heartbeats, 20 s for the answer to one. */
const HEARTBEAT_MS = 45_000;

/** Where sockets lead, and what happens on the way is noted. */
export interface SocketWorld {
  /** The gateway that a new connection reaches; undefined when none is there. */
  pickGateway(): SimGateway | undefined;
  readonly trace: Trace;
}

/** Sockets over a line to whichever gateway is there. */
export function createSimSockets(line: Line, world: SocketWorld): Transport {
  return { connect: (request, listener) => new SimSocket(line, world, request, listener) };
}

class SimSocket implements Connection {
  readonly #line: Line;
  readonly #world: SocketWorld;
  readonly #listener: TransportListener;
  readonly #lastMs = { up: 0, down: 0 };
  #receiver: FrameReceiver | undefined;
  #isOverHere = false;
  #isOverThere = false;
  #isDark = false;
  #signOff: (() => void) | undefined;

  constructor(line: Line, world: SocketWorld, request: ConnectRequest, listener: TransportListener) {
    this.#line = line;
    this.#world = world;
    this.#listener = listener;
    line.timeline.schedule(line.latencyMs(), () => this.#connect(request.token));
  }

  send(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#carry('up', frame);
  }

  setToken(): void {
    // Tokens of a live connection travel as frames.
  }

  close(): void {
    if (this.#isOverHere) return;
    this.#endHere({ code: 'closed-here', detail: 'closed by the device' });
    if (!this.#isDark) this.#after('up', () => this.#endThere());
  }

  readonly #gatewaySide: FrameSocket = {
    send: (frame) => this.#carry('down', frame),
    disconnect: () => {
      this.#endThere();
      if (!this.#isDark)
        this.#after('down', () => this.#endHere({ code: 'lost', detail: 'the gateway closed it' }));
    },
  };

  #connect(token: string): void {
    if (this.#isOverHere) return;
    const gateway = this.#world.pickGateway();
    const isRefused = this.#line.isOffline || this.#line.strikes('connection-refused');
    if (isRefused || gateway === undefined) {
      this.#after('down', () => this.#endHere({ code: 'lost', detail: 'no connection' }));
      return;
    }
    gateway.authenticate(token).then(
      (principal) => this.#accepted(gateway, principal),
      () => this.#after('down', () => this.#endHere({ code: 'unauthorized', detail: 'token not taken' })),
    );
  }

  #accepted(gateway: SimGateway, principal: Parameters<SimGateway['accept']>[0]): void {
    if (this.#isOverHere) return;
    this.#receiver = gateway.accept(principal, this.#gatewaySide);
    if (this.#receiver === undefined) {
      this.#after('down', () => this.#endHere({ code: 'lost', detail: 'no connection' }));
      return;
    }
    this.#signOff = this.#line.opened(
      (detail) => this.#cut(detail),
      () => this.#darken(),
    );
    gateway.process.onDeath(() => {
      this.#isOverThere = true;
      if (!this.#isDark)
        this.#after('down', () => this.#endHere({ code: 'lost', detail: 'the gateway died' }));
    });
    this.#after('down', () => {
      if (!this.#isOverHere) this.#listener.opened();
    });
  }

  #carry(direction: Direction, frame: Uint8Array): void {
    const line = this.#line;
    if (this.#isOverHere || this.#isOverThere || this.#isDark) return;
    if (line.takes('cut-in-mid-frame')) return this.#cutInMidFrame(direction, frame);
    if (line.strikes('connection-cut')) {
      // Before the frame or after it: a push is lost in the cut, or its ack.
      if (line.rng.chance(0.5)) this.#deliver(direction, frame);
      this.#cut('cut');
      return;
    }
    if (line.strikes('frame-dropped')) return;
    const copies = line.strikes('frame-doubled') ? 2 : 1;
    const isOvertaking = line.strikes('frame-overtaken');
    for (let copy = 0; copy < copies; copy++) {
      const atMs = line.arrivalMs(direction, isOvertaking ? 0 : this.#lastMs[direction]);
      this.#lastMs[direction] = Math.max(this.#lastMs[direction], atMs);
      line.timeline.schedule(atMs - line.timeline.nowMs, () => this.#deliver(direction, frame));
    }
  }

  /** What arrived of a frame is not one; a careless reader would take it. */
  #cutInMidFrame(direction: Direction, frame: Uint8Array): void {
    const part = frame.subarray(0, this.#line.rng.below(frame.length));
    if (this.#line.rng.chance(0.5)) this.#deliver(direction, part);
    this.#cut('cut in the middle of a frame');
  }

  #deliver(direction: Direction, frame: Uint8Array): void {
    if (this.#isDark) return;
    const { trace } = this.#world;
    if (direction === 'up') {
      if (this.#isOverThere) return;
      trace.note(this.#line.timeline.nowMs, 'up', this.#line.name, frame.length, Trace.of(frame));
      this.#receiver?.received(frame);
    } else {
      if (this.#isOverHere) return;
      trace.note(this.#line.timeline.nowMs, 'down', this.#line.name, frame.length, Trace.of(frame));
      this.#listener.received(frame);
    }
  }

  #cut(detail: string): void {
    this.#line.timeline.schedule(0, () => this.#endHere({ code: 'lost', detail }));
    this.#line.timeline.schedule(this.#line.latencyMs(), () => this.#endThere());
  }

  /** Heartbeats find out, in the end, on either side. */
  #darken(): void {
    if (this.#isDark) return;
    this.#isDark = true;
    const { timeline } = this.#line;
    timeline.schedule(HEARTBEAT_MS, () => this.#endHere({ code: 'lost', detail: 'no heartbeat' }));
    timeline.schedule(HEARTBEAT_MS, () => this.#endThere());
  }

  #after(direction: Direction, run: () => void): void {
    const atMs = this.#line.arrivalMs(direction, this.#lastMs[direction]);
    this.#lastMs[direction] = atMs;
    this.#line.timeline.schedule(atMs - this.#line.timeline.nowMs, run);
  }

  #endHere(reason: CloseReason): void {
    if (this.#isOverHere) return;
    this.#isOverHere = true;
    this.#signOff?.();
    this.#listener.closed(reason);
  }

  #endThere(): void {
    if (this.#isOverThere) return;
    this.#isOverThere = true;
    this.#signOff?.();
    this.#receiver?.disconnected();
  }
}
