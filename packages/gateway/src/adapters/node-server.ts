import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError, CODES, type Code } from '@fieldpost/protocol';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { FrameServerPorts } from './socket-io/frame-server.ts';
import { createFrameServer } from './socket-io/frame-server.ts';
import type { ConnectionLimits } from './socket-io/places.ts';

export interface NodeServerPorts extends FrameServerPorts {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

export interface NodeServerOptions extends ConnectionLimits {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** HTTP and WebSockets on one port. */
export interface NodeServer {
  readonly url: string;
  readonly port: number;
  /** Takes no new connection from now on, and closes those that ask nothing. */
  refuse(): void;
  /** Resolves when every request that came in has its answer. */
  answered(): Promise<void>;
  /** Ends every connection, answered or not. */
  close(): Promise<void>;
}

/** The largest message takes nine minutes on the slowest line that devices bear with; what trickles on purpose gets no more. */
const REQUEST_TIMEOUT_MS = 600_000;
const HEADERS_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const HEADER_BYTES_MAX = 32 * 1024;

/**
 * Listens with Node's HTTP server.
 *
 * @throws CodedError `port-in-use`, or `invalid-configuration` for an address that cannot be listened on
 */
export async function startNodeServer(
  options: NodeServerOptions,
  ports: NodeServerPorts,
): Promise<NodeServer> {
  const listener = getRequestListener(ports.fetch, { overrideGlobalObjects: false, errorHandler });
  const underWay = new Set<ServerResponse>();
  let markIdle: () => void = () => undefined;
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    connectionsCheckingInterval: 5_000,
  });
  const frames = createFrameServer(server, ports, options);
  // socket.io would answer plain requests to its path in its own way; there is nothing at it but WebSockets.
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    underWay.add(response);
    response.on('close', () => {
      underWay.delete(response);
      if (underWay.size === 0) markIdle();
    });
    listener(request, response).catch((error: unknown) => {
      ports.logger.error({ error }, 'a request could not be answered');
      response.destroy();
    });
  });
  server.on('clientError', answerClientError);
  await listen(server, options);
  // Such as a connection that could not be taken because every file handle is in use: others go on.
  server.on('error', (error) => ports.logger.error({ error }, 'a connection could not be taken'));
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    refuse() {
      frames.refuse();
      server.close();
      server.closeIdleConnections();
    },
    answered() {
      return underWay.size === 0 ? Promise.resolve() : new Promise((resolve) => (markIdle = resolve));
    },
    async close() {
      await frames.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, { host, port }: NodeServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const place = `${host}:${port}`;
      if (error.code === 'EADDRINUSE') {
        reject(
          new CodedError('port-in-use', `another program listens on ${place}; stop it, or set another port`, {
            cause: error,
          }),
        );
      } else {
        reject(
          new CodedError('invalid-configuration', `cannot listen on ${place}: ${error.message}`, {
            cause: error,
          }),
        );
      }
    };
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** What never became a request: an address or a Host header that is none. */
function errorHandler(error: unknown): Response {
  const code: Code = error instanceof RequestError ? 'invalid-request' : 'internal';
  return new Response(problemText(code), {
    status: CODES[code].status,
    headers: { 'content-type': PROBLEM_MEDIA_TYPE },
  });
}

/** What Node's parser refused: answered on the bare socket. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code: Code = error.code === 'HPE_HEADER_OVERFLOW' ? 'payload-too-large' : 'invalid-request';
  const status = STATUS_LINES[error.code ?? ''] ?? '400 Bad Request';
  const body = problemText(code);
  const head = [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${body.length}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const PROBLEM_MEDIA_TYPE = 'application/problem+json';

const STATUS_LINES: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

function problemText(code: Code): string {
  const { meaning, status } = CODES[code];
  return JSON.stringify({ type: `urn:fieldpost:problem:${code}`, title: meaning, status, code });
}
