import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createLink, type Link, type LinkConditions } from './tcp-proxy/link.ts';
import { createFaultCounts, type FaultCounts, type ProxyMode } from './tcp-proxy/modes.ts';
import { ProxiedConnection } from './tcp-proxy/proxied-connection.ts';

export type { ProxyMode } from './tcp-proxy/modes.ts';

/**
 * A TCP proxy inside the test's process that can lose, hold and slow what passes through it. One stands before each
 * device: DevTools' offline switch leaves WebSockets open, a cut here does not.
 */
export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly mode: ProxyMode;
  /** Read-only for others; grows while the proxy runs. */
  readonly counters: ProxyCounters;
  /** Changes what happens to connections from now on, those that are open among them. */
  setMode(mode: ProxyMode): void;
  /** Resets every open connection, both sides, and tells how many there were. */
  cut(): number;
  /** Connections open now, on the client's side. */
  openConnections(): number;
  /** Stops listening and resets what is open. Nothing is left when it resolves. */
  close(): Promise<void>;
}

interface ProxyCounters {
  /** Client connections accepted so far, whatever became of them. */
  readonly connections: number;
  /** Bytes handed on from clients to the target. */
  readonly bytesUp: number;
  /** Bytes handed on from the target to clients. */
  readonly bytesDown: number;
  /** How often each fault really met a connection. */
  readonly faults: Readonly<FaultCounts>;
}

export interface TcpProxyOptions extends LinkConditions {
  /** Asked at each connection, so that a target that came back on another port is found. */
  readonly target: () => { readonly host: string; readonly port: number };
}

/** Starts a proxy on a free port of 127.0.0.1, in mode `pass`. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new RunningProxy(options);
  await proxy.listen();
  return proxy;
}

class RunningProxy implements TcpProxy {
  readonly counters = { connections: 0, bytesUp: 0, bytesDown: 0, faults: createFaultCounts() };
  mode: ProxyMode = { kind: 'pass' };
  port = 0;
  readonly #target: TcpProxyOptions['target'];
  readonly #up: Link;
  readonly #down: Link;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));

  constructor(options: TcpProxyOptions) {
    this.#target = options.target;
    this.#up = createLink(options);
    this.#down = createLink(options);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.port = (this.#server.address() as AddressInfo).port;
  }

  setMode(mode: ProxyMode): void {
    // The mode is copied: a cut after some bytes counts them down in it.
    this.mode = { ...mode };
    for (const connection of this.#connections) connection.modeChanged(this.mode);
  }

  cut(): number {
    const open = this.#connections.size;
    this.counters.faults.cut += open;
    for (const connection of this.#connections) connection.reset();
    return open;
  }

  openConnections(): number {
    return this.#connections.size;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.reset();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(client: Socket): void {
    this.counters.connections += 1;
    if (this.mode.kind === 'refuse') {
      this.counters.faults.refuse += 1;
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const connection = new ProxiedConnection(client, {
      target: this.#target,
      links: { up: this.#up, down: this.#down },
      counters: this.counters,
      passAgain: () => this.setMode({ kind: 'pass' }),
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.modeChanged(this.mode);
  }
}
