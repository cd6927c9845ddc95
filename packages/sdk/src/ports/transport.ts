/**
 * Carries frames between the device and one gateway, and keeps no state of the protocol. At most once, in order: what is
 * lost is lost silently, and the session's deadlines notice.
 */
export interface Transport {
  /** Starts one connection attempt. Everything about it comes through `listener`, ending in one `closed`. */
  connect(request: ConnectRequest, listener: TransportListener): Connection;
}

export interface ConnectRequest {
  /** The gateway's base URL, asked for at each attempt and never stored in a message. */
  readonly gateway: string;
  readonly token: string;
}

export interface TransportListener {
  /** Frames can be sent. Over HTTP at once: the first request tells whether anyone is there. */
  opened(): void;
  /** One encoded frame arrived. */
  received(frame: Uint8Array): void;
  /** The last call: the connection is over, for good. */
  closed(reason: CloseReason): void;
}

/**
 * Why a connection ended. `unauthorized`: the token was not taken. `too-large`: the other side refused a request for its
 * size, so send less at once. `refused`: an answer that is not a gateway's, such as a captive portal's page.
 */
export interface CloseReason {
  readonly code:
    | 'lost'
    | 'unauthorized'
    | 'too-large'
    | 'refused'
    | 'busy'
    | 'origin-not-allowed'
    | 'closed-here';
  readonly detail: string;
  readonly retryAfterMs?: number;
}

export interface Connection {
  /** Hands over frames that belong together: over HTTP they become one request. */
  send(frames: readonly Uint8Array[]): void;
  /** A newer token, for transports that send it with each request. */
  setToken(token: string): void;
  close(): void;
}
