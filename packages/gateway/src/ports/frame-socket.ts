import type { Principal } from './authenticator.ts';

/** The gateway's end of one live connection. */
export interface FrameSocket {
  /** Sends one encoded frame. */
  send(frame: Uint8Array): void;
  /** Ends the connection once what was sent before is on its way. */
  disconnect(): void;
}

/** What a live connection tells the gateway. */
export interface FrameReceiver {
  /** One frame came in: bytes that nothing has looked at. */
  received(frame: Uint8Array): void;
  /** Something came in that is no frame event. */
  receivedOther(what: string): void;
  /** The connection is gone, whoever ended it. */
  disconnected(): void;
}

/** Takes over a connection whose token was just checked. */
export type AcceptConnection = (principal: Principal, socket: FrameSocket) => FrameReceiver;
