import { RawConnection, upgradeRequest } from './raw-connection.ts';
import type { Target } from './target.ts';

export const SOCKET_PATH = '/v1/socket/?EIO=4&transport=websocket';

/** The first byte of WebSocket frames (RFC 6455 §5.2). */
export const TEXT = 0x81;
export const BINARY = 0x82;
export const CONTINUATION = 0x00;
export const TEXT_UNFINISHED = 0x01;
export const PING = 0x89;
export const COMPRESSED_BINARY = 0xc2;
export const CLOSE = 0x88;

/** A message of the gateway, with the first byte of its frame. */
export interface RawMessage {
  readonly head: number;
  readonly bytes: Buffer;
  readonly text: string;
}

/** A WebSocket by hand, on which Engine.IO and socket.io packets are texts and bytes. */
export class RawWebSocket {
  readonly connection: RawConnection;
  readonly #messages: RawMessage[] = [];

  private constructor(connection: RawConnection) {
    this.connection = connection;
    connection.onData = () => this.#read();
    this.#read();
  }

  /** Opens a WebSocket; Engine.IO's first packet is still to be read. */
  static async open(target: Target, path = SOCKET_PATH): Promise<RawWebSocket> {
    const connection = await RawConnection.open(target);
    connection.write(upgradeRequest(target, path));
    const status = await connection.when('the upgrade is answered', (received) => {
      const head = received.indexOf('\r\n\r\n');
      return head < 0 ? undefined : connection.take(head + 4).toString('latin1');
    });
    if (!status?.startsWith('HTTP/1.1 101'))
      throw new Error(`no WebSocket: ${status ?? 'the connection ended'}`);
    return new RawWebSocket(connection);
  }

  /** Opens one and connects to the namespace with a token, as far as a frame could be sent. */
  static async connected(target: Target, token: string): Promise<RawWebSocket> {
    const socket = await RawWebSocket.open(target);
    await socket.next();
    socket.send(TEXT, `40${JSON.stringify({ token })}`);
    const answer = await socket.next();
    if (answer?.text.startsWith('40') !== true) throw new Error(`not connected: ${answer?.text ?? 'ended'}`);
    return socket;
  }

  /** One masked frame. `claimed` overrides the length that its header tells. */
  send(head: number, payload: string | Uint8Array, claimed?: bigint): void {
    const bytes = Buffer.from(payload);
    this.connection.write(
      Buffer.concat([frameHeader(head, claimed ?? BigInt(bytes.length), true), Buffer.alloc(4), bytes]),
    );
  }

  /** One frame without a mask, which no client may send. */
  sendUnmasked(head: number, payload: string): void {
    this.connection.write(
      Buffer.concat([frameHeader(head, BigInt(payload.length), false), Buffer.from(payload)]),
    );
  }

  /** A frame of the protocol, as socket.io packs it. */
  sendFrame(frame: Uint8Array): void {
    this.send(TEXT, '451-["frame",{"_placeholder":true,"num":0}]');
    this.send(BINARY, frame);
  }

  /** The next message of the gateway; undefined when the connection ended first. */
  next(): Promise<RawMessage | undefined> {
    return this.connection.when('a WebSocket message arrives', () => this.#messages.shift());
  }

  /** Every message until the gateway ends the connection. */
  async rest(): Promise<RawMessage[]> {
    await this.connection.ended;
    return this.#messages.splice(0);
  }

  #read(): void {
    for (;;) {
      const frame = readFrame(this.connection.received);
      if (frame === undefined) return;
      this.connection.take(frame.end);
      // The other side has said that it is done; it waits half a minute for us to say so too.
      if (frame.head === CLOSE) this.connection.close();
      else
        this.#messages.push({ head: frame.head, bytes: frame.payload, text: frame.payload.toString('utf8') });
    }
  }

  close(): void {
    this.connection.close();
  }
}

function frameHeader(head: number, length: bigint, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  if (length < 126n) return Buffer.of(head, mask | Number(length));
  if (length < 65_536n) {
    const header = Buffer.of(head, mask | 126, 0, 0);
    header.writeUInt16BE(Number(length), 2);
    return header;
  }
  const header = Buffer.concat([Buffer.of(head, mask | 127), Buffer.alloc(8)]);
  header.writeBigUInt64BE(length, 2);
  return header;
}

function readFrame(received: Buffer): { head: number; payload: Buffer; end: number } | undefined {
  const [head, short] = received;
  if (head === undefined || short === undefined) return undefined;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (received.length < start) return undefined;
  const length =
    short < 126 ? short : short === 126 ? received.readUInt16BE(2) : Number(received.readBigUInt64BE(2));
  const end = start + length;
  return received.length < end
    ? undefined
    : { head, payload: Buffer.from(received.subarray(start, end)), end };
}
