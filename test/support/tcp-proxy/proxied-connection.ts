import { connect, type Socket } from 'node:net';
import type { Link } from './link.ts';
import type { Direction, FaultCounts, ProxyMode } from './modes.ts';
import { Pipe } from './pipe.ts';

export interface ConnectionSurroundings {
  readonly target: () => { readonly host: string; readonly port: number };
  readonly links: Readonly<Record<Direction, Link>>;
  readonly counters: { bytesUp: number; bytesDown: number; readonly faults: FaultCounts };
  /** A cut after some bytes has fired. */
  readonly passAgain: () => void;
  readonly closed: () => void;
}

/**
 * One client and its socket to the target.
 *
 * States: `held` (accepted, nothing moves) → `joined` (bytes move both ways) → `closed`; from `joined` or `held` also to
 * `dead`: both sockets stay open, all they say is thrown away, for ever.
 */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #around: ConnectionSurroundings;
  readonly #up: Pipe;
  #down: Pipe | undefined;
  #target: Socket | undefined;
  #mode: ProxyMode = { kind: 'pass' };
  #dead = false;
  #closed = false;

  constructor(client: Socket, around: ConnectionSurroundings) {
    this.#client = client;
    this.#around = around;
    this.#up = new Pipe({
      source: client,
      sink: () => this.#target,
      link: around.links.up,
      count: (bytes) => (around.counters.bytesUp += bytes),
    });
    client.pause();
    this.#listen(client, 'up', this.#up);
  }

  modeChanged(mode: ProxyMode): void {
    const before = this.#mode.kind;
    this.#mode = mode;
    if (this.#dead || this.#closed) return;
    if (mode.kind === 'half-open') this.#die();
    else if (mode.kind === 'stall') this.#hold(before);
    else this.#join();
  }

  /** Both sides see a reset. */
  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#up.stop();
    this.#down?.stop();
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
    this.#around.closed();
  }

  #hold(before: ProxyMode['kind']): void {
    if (before !== 'stall') this.#around.counters.faults.stall += 1;
    this.#up.hold();
    this.#down?.hold();
  }

  #join(): void {
    if (this.#target === undefined) this.#connect();
    this.#up.release();
    this.#down?.release();
  }

  #die(): void {
    this.#dead = true;
    this.#around.counters.faults['half-open'] += 1;
    this.#up.stop();
    this.#down?.stop();
    this.#client.resume();
    this.#target?.resume();
  }

  #connect(): void {
    const target = connect({ ...this.#around.target(), allowHalfOpen: true, noDelay: true });
    this.#target = target;
    this.#down = new Pipe({
      source: target,
      sink: () => this.#client,
      link: this.#around.links.down,
      count: (bytes) => (this.#around.counters.bytesDown += bytes),
    });
    this.#listen(target, 'down', this.#down);
  }

  #listen(socket: Socket, direction: Direction, pipe: Pipe): void {
    socket.on('data', (chunk: Buffer) => this.#carry(chunk, direction, pipe));
    socket.on('end', () => {
      if (!this.#dead) pipe.end();
    });
    // A reset, a refusal, a target that is down: the other side learns it as a reset.
    socket.on('error', () => {
      if (!this.#dead) this.reset();
    });
    socket.on('close', () => this.#closeWhenBothAre());
  }

  #carry(chunk: Buffer, direction: Direction, pipe: Pipe): void {
    if (this.#dead) return;
    const mode = this.#mode;
    if (mode.kind !== 'cut-after' || mode.direction !== direction) {
      pipe.write(chunk);
      return;
    }
    if (chunk.length <= mode.bytes) {
      mode.bytes -= chunk.length;
      pipe.write(chunk);
      return;
    }
    this.#cutAfter(chunk.subarray(0, mode.bytes), direction);
  }

  /** The last bytes are written straight to the socket: a reset must not overtake them. */
  #cutAfter(rest: Buffer, direction: Direction): void {
    this.#around.counters.faults[`cut-after-${direction}`] += 1;
    this.#mode = { kind: 'pass' };
    this.#dead = true;
    this.#around.passAgain();
    const sink = direction === 'up' ? this.#target : this.#client;
    const reset = (): void => this.reset();
    if (sink === undefined || rest.length === 0) reset();
    else sink.write(rest, reset);
    this.#around.counters[direction === 'up' ? 'bytesUp' : 'bytesDown'] += rest.length;
  }

  #closeWhenBothAre(): void {
    const targetOpen = this.#target !== undefined && !this.#target.destroyed;
    if (this.#closed || !this.#client.destroyed || targetOpen) return;
    this.#closed = true;
    this.#up.stop();
    this.#down?.stop();
    this.#around.closed();
  }
}
