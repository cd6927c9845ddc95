import { decodeUp, type DownFrame, encodeDown, type UpFrame } from '@fieldpost/protocol';
import type {
  CloseReason,
  Connection,
  ConnectRequest,
  Transport,
  TransportListener,
} from '../ports/transport.ts';

/**
 * A transport whose other end is the test: it sees every frame of the device and says every frame of the gateway.
 *
 * @since 0.1.0
 */
export class ScriptedTransport implements Transport {
  /** Every connection attempt, oldest first. */
  readonly connections: ScriptedConnection[] = [];

  connect(request: ConnectRequest, listener: TransportListener): Connection {
    const connection = new ScriptedConnection(request, listener);
    this.connections.push(connection);
    return connection;
  }

  /** The latest attempt. Throws when there was none. */
  get latest(): ScriptedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nothing has connected yet');
    return connection;
  }
}

/** One connection of a {@link ScriptedTransport}, seen from the gateway's side. */
export class ScriptedConnection implements Connection {
  readonly request: ConnectRequest;
  /** What the device sent, in order. */
  readonly sent: UpFrame[] = [];
  /** Whether the device ended it. */
  isClosedByDevice = false;
  readonly #listener: TransportListener;

  constructor(request: ConnectRequest, listener: TransportListener) {
    this.request = request;
    this.#listener = listener;
  }

  /** The connection stands. */
  open(): void {
    this.#listener.opened();
  }

  /** The gateway says something. */
  answer(...frames: readonly DownFrame[]): void {
    for (const frame of frames) this.#listener.received(encodeDown(frame));
  }

  /** The gateway says bytes that may be no frame. */
  answerBytes(bytes: Uint8Array): void {
    this.#listener.received(bytes);
  }

  /** The connection ends. */
  end(reason: CloseReason = { code: 'lost', detail: 'cut by the test' }): void {
    this.#listener.closed(reason);
  }

  send(frames: readonly Uint8Array[]): void {
    this.sent.push(...frames.map(decodeUp));
  }

  setToken(): void {
    // The test reads the token of the request.
  }

  close(): void {
    this.isClosedByDevice = true;
  }
}
