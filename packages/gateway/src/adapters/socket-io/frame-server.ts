import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { CodedError, CODES, FRAME_EVENT, LIMITS } from '@fieldpost/protocol';
import { Server, type Socket } from 'socket.io';
import type { Authenticator, Principal } from '../../ports/authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AcceptConnection, FrameReceiver, FrameSocket } from '../../ports/frame-socket.ts';
import type { Logger } from '../../ports/logger.ts';
import { type ConnectionLimits, Places } from './places.ts';

export interface FrameServerPorts {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes over each connection whose token was valid. */
  readonly accept: AcceptConnection;
  /** Whether a page of this origin may connect. */
  readonly isOriginAllowed: (origin: string) => boolean;
}

/** Live connections over socket.io on an existing HTTP server. */
export interface FrameServer {
  /** Refuses new connections from now on. */
  refuse(): void;
  /** Ends what is left and lets go of the HTTP server's upgrades. */
  close(): Promise<void>;
}

/** The path of the WebSocket endpoint. */
const SOCKET_PATH = '/v1/socket';

/** A frame and the bytes that socket.io puts round it; more ends the connection before it is read into memory. */
const MESSAGE_BYTES_MAX = LIMITS.frameBytes + 1024;
/** Answers on their way to one device: several of the largest frames, far beyond what an honest one asks for. */
const UNREAD_BYTES_MAX = 4 * LIMITS.frameBytes;
const CONNECT_WITHIN_MS = 10_000;
const PING_INTERVAL_MS = 20_000;
/**
 * A pong waits behind the frame that the device is sending. The largest one takes 67 s on a line of 1 Mbit/s, a message of
 * 1 MiB as long on one of 125 kbit/s, and there has to be room for repeats on a bad one. What a dead line costs meanwhile
 * is some memory: a device that comes back does not wait for the end of its old connection.
 */
const PING_TIMEOUT_MS = 90_000;
/** Handshakes that may be under way beyond the limit of connections: each of them is told that it is one too many. */
const TOLD_BUSY_MAX = 256;
const BUSY_RETRY_MS = 10_000;

/**
 * WebSocket only: frames are binary and already compact, so neither polling nor compression earns its memory. The
 * Origin is checked before the upgrade, because CORS does not cover WebSockets; the token right behind it.
 */
export function createFrameServer(
  server: HttpServer,
  ports: FrameServerPorts,
  limits: ConnectionLimits,
): FrameServer {
  let isRefusing = false;
  const places = new Places(limits);
  const io = new Server(server, {
    path: SOCKET_PATH,
    transports: ['websocket'],
    allowUpgrades: false,
    httpCompression: false,
    perMessageDeflate: false,
    serveClient: false,
    maxHttpBufferSize: MESSAGE_BYTES_MAX,
    connectTimeout: CONNECT_WITHIN_MS,
    pingInterval: PING_INTERVAL_MS,
    pingTimeout: PING_TIMEOUT_MS,
    allowRequest: (request, decide) => {
      const isCrowded = io.engine.clientsCount >= limits.connectionsMax + TOLD_BUSY_MAX;
      const problem = isRefusing ? 'shutting-down' : isCrowded ? 'busy' : originProblem(request, ports);
      decide(problem, problem === undefined);
    },
  });
  io.engine.use(refuseSecondTransport);
  const principals = new WeakMap<Socket, Principal>();
  io.use((socket, next) => {
    const refuse = (error: Error): void => {
      next(error);
      // Whoever was refused has no more business here, and should not sit on a connection.
      setImmediate(() => socket.conn.close());
    };
    const decide = async (): Promise<void> => {
      let principal: Principal;
      try {
        principal = await admit(socket, ports);
      } catch (error) {
        const isBusy = error instanceof CodedError && error.code === 'busy';
        if (isBusy) ports.logger.error({ error }, 'a token could not be checked');
        return refuse(refusal(isBusy ? 'busy' : 'unauthorized'));
      }
      const leave = places.take(principal.subject);
      if (leave === undefined) {
        ports.logger.warn({ subject: principal.subject }, 'a connection too many was turned away');
        return refuse(refusal('busy', BUSY_RETRY_MS));
      }
      socket.conn.once('close', leave);
      if (socket.conn.readyState !== 'open') return leave();
      principals.set(socket, principal);
      next();
    };
    decide().catch((error: unknown) => ports.logger.error({ error }, 'a handshake failed'));
  });
  io.on('connection', (socket) => {
    const principal = principals.get(socket);
    if (principal === undefined) socket.disconnect(true);
    else connect(socket, ports.accept(principal, frameSocket(socket)));
  });
  return {
    refuse() {
      isRefusing = true;
    },
    close: () => io.close(),
  };
}

/**
 * A request that names a session id asks to carry that session on over another transport. There is one transport only,
 * so whoever asks has the id from somewhere else.
 */
function refuseSecondTransport(
  request: IncomingMessage,
  _response: unknown,
  next: (error?: Error) => void,
): void {
  const { searchParams } = new URL(request.url ?? '/', 'http://gateway.invalid');
  next(searchParams.has('sid') ? new Error('sessions do not change their transport') : undefined);
}

function originProblem(request: IncomingMessage, ports: FrameServerPorts): string | undefined {
  const { origin } = request.headers;
  // Programs that are no browsers send none; their token is what counts.
  if (origin === undefined || ports.isOriginAllowed(origin)) return undefined;
  ports.logger.info({ origin: origin.slice(0, 256) }, 'a WebSocket of a foreign origin was refused');
  return 'origin-not-allowed';
}

async function admit(socket: Socket, ports: FrameServerPorts): Promise<Principal> {
  const auth: unknown = socket.handshake.auth;
  const token = typeof auth === 'object' && auth !== null && 'token' in auth ? auth.token : undefined;
  if (typeof token !== 'string') throw refusal('unauthorized');
  return ports.authenticator.authenticate(token, ports.clock.now());
}

/** What the client gets as `connect_error`: the code, in the place that socket.io has for it. */
function refusal(code: 'unauthorized' | 'busy', retryAfterMs?: number): Error {
  const data = retryAfterMs === undefined ? { code } : { code, retryAfterMs };
  return Object.assign(new Error(CODES[code].meaning), { data });
}

function frameSocket(socket: Socket): FrameSocket {
  // Engine.IO says `drain` when it hands a batch to the network, and only after the one before has left this process.
  let handedOverBytes = 0;
  let waitingBytes = 0;
  socket.conn.on('drain', () => {
    handedOverBytes = waitingBytes;
    waitingBytes = 0;
  });
  return {
    send: (frame) => {
      waitingBytes += frame.length;
      socket.emit(FRAME_EVENT, frame);
      // A device that does not read must not fill our memory with what we would tell it.
      if (handedOverBytes + waitingBytes > UNREAD_BYTES_MAX) socket.conn.close(true);
    },
    disconnect: () => {
      socket.disconnect(true);
    },
  };
}

function connect(socket: Socket, receiver: FrameReceiver): void {
  // An emitter without a listener for `error` throws, and `error` is a name that a peer may send.
  socket.on('error', () => undefined);
  socket.onAny((event: unknown, ...values: unknown[]) => {
    const [frame] = values;
    // A request for an acknowledgement comes as one more value.
    if (event === FRAME_EVENT && values.length === 1 && frame instanceof Uint8Array) receiver.received(frame);
    else
      receiver.receivedOther(
        event === FRAME_EVENT
          ? 'a frame event with other than one binary value'
          : 'an event that is no frame',
      );
  });
  socket.on('disconnect', () => receiver.disconnected());
}
