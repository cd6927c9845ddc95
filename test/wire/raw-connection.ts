import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Target } from './target.ts';
import { within } from './within.ts';

/** A bare TCP connection to the gateway: for bytes that no client library would send. */
export class RawConnection {
  readonly socket: Socket;
  /** Settles when the gateway has ended the connection, or it broke. */
  readonly ended: Promise<void>;
  /** Called at each arrival, before whoever waits. */
  onData: () => void = () => undefined;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
        this.#wake();
      });
    });
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.onData();
      this.#wake();
    });
  }

  static async open(target: Target): Promise<RawConnection> {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const connection = new RawConnection(socket);
    await within(
      'the TCP connection opens',
      new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      }),
    );
    return connection;
  }

  get isOpen(): boolean {
    return !this.socket.destroyed;
  }

  write(data: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(data);
  }

  /** Everything received and not yet taken. */
  get received(): Buffer {
    return this.#received;
  }

  take(bytes: number): Buffer {
    const taken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  /** What `read` makes of the received bytes, as soon as it makes something of them; undefined when the end came first. */
  async when<Value>(
    what: string,
    read: (received: Buffer) => Value | undefined,
    milliseconds?: number,
  ): Promise<Value | undefined> {
    return within(
      what,
      (async () => {
        for (;;) {
          const value = read(this.#received);
          if (value !== undefined || this.socket.destroyed) return value;
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      })(),
      milliseconds,
    );
  }

  /** The status and the text of an HTTP answer to what was written; status 0 when the connection ended without one. */
  async answer(milliseconds?: number): Promise<{ status: number; text: string }> {
    const answer = await this.when(
      'an HTTP answer arrives',
      (received) => {
        const text = received.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        if (head < 0) return undefined;
        const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
        if (text.length < head + 4 + length) return undefined;
        return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text };
      },
      milliseconds,
    );
    return answer ?? { status: 0, text: this.#received.toString('latin1') };
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Asks for a WebSocket; the answer is read by the caller. */
export function upgradeRequest(target: Target, path: string, headers: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${target.host}:${target.port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
    '\r\n',
  ].join('\r\n');
}
