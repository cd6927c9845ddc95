import { FRAME_EVENT, LIMITS } from '@fieldpost/protocol';
import type { io as openSocket, Socket } from 'socket.io-client';
import type {
  CloseReason,
  Connection,
  ConnectRequest,
  Transport,
  TransportListener,
} from '../../ports/transport.ts';

const SOCKET_PATH = 'v1/socket';

/**
 * Frames as binary events of socket.io over a WebSocket. Each connection is one attempt: when to try again is the
 * session's decision, so socket.io's own reconnection is off.
 *
 * socket.io is loaded at the first attempt: an app that starts offline, or speaks HTTP only, does without it.
 */
export function createSocketIoTransport(): Transport {
  return { connect: (request, listener) => new SocketConnection(request, listener) };
}

class SocketConnection implements Connection {
  readonly #listener: TransportListener;
  #socket: Socket | undefined;
  #isOver = false;

  constructor(request: ConnectRequest, listener: TransportListener) {
    this.#listener = listener;
    import('socket.io-client').then(
      ({ io }) => this.#begin(io, request),
      (error: unknown) =>
        this.#end({ code: 'lost', detail: `socket.io could not be loaded: ${String(error)}` }),
    );
  }

  send(frames: readonly Uint8Array[]): void {
    // What is sent after the end would wait inside socket.io for a connection that never comes.
    if (this.#isOver || this.#socket?.connected !== true) return;
    for (const frame of frames) this.#socket.emit(FRAME_EVENT, frame);
  }

  setToken(token: string): void {
    if (this.#socket !== undefined) this.#socket.auth = { token };
  }

  close(): void {
    this.#end({ code: 'closed-here', detail: 'closed by this device' });
  }

  #begin(io: typeof openSocket, request: ConnectRequest): void {
    if (this.#isOver) return;
    const base = new URL(request.gateway);
    const socket = io(base.origin, {
      path: `${base.pathname.replace(/\/$/, '')}/${SOCKET_PATH}`,
      transports: ['websocket'],
      upgrade: false,
      forceNew: true,
      reconnection: false,
      autoConnect: false,
      timeout: LIMITS.answerTimeoutMs,
      auth: { token: request.token },
    });
    this.#socket = socket;
    socket.on('connect', () => {
      if (!this.#isOver) this.#listener.opened();
    });
    socket.on(FRAME_EVENT, (frame: unknown) => this.#received(frame));
    socket.on('connect_error', (error) => this.#end(reasonOf(error)));
    socket.on('disconnect', (reason) => this.#end({ code: 'lost', detail: reason }));
    socket.connect();
    // A line that breaks between the upgrade and socket.io's own greeting ends in neither of the two above. socket.io closes
    // a refused connection just before it tells why: that comes first.
    socket.io.engine.on('close', (reason) => {
      queueMicrotask(() => this.#end({ code: 'lost', detail: reason }));
    });
  }

  #received(frame: unknown): void {
    if (this.#isOver) return;
    if (frame instanceof Uint8Array) return this.#listener.received(frame);
    if (frame instanceof ArrayBuffer) return this.#listener.received(new Uint8Array(frame));
    // No frame: the reader says so, and the session ends.
    this.#listener.received(new Uint8Array(0));
  }

  #end(reason: CloseReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.disconnect();
    this.#listener.closed(reason);
  }
}

/** How long the gateway asks to wait, if it does. */
function retryAfter(data: unknown): { readonly retryAfterMs?: number } {
  const wait: unknown =
    typeof data === 'object' && data !== null && 'retryAfterMs' in data ? data.retryAfterMs : undefined;
  return typeof wait === 'number' && wait >= 0 ? { retryAfterMs: wait } : {};
}

/** The gateway's code stands in `data`, where socket.io carries it; a broken network has none. */
function reasonOf(error: Error): CloseReason {
  const data: unknown = 'data' in error ? error.data : undefined;
  const code = typeof data === 'object' && data !== null && 'code' in data ? data.code : undefined;
  switch (code) {
    case 'unauthorized':
    case 'origin-not-allowed':
      return { code, detail: error.message };
    case 'busy':
    case 'shutting-down':
      return { code: 'busy', detail: error.message, ...retryAfter(data) };
    default:
      return { code: 'lost', detail: error.message };
  }
}
