import type { Surroundings } from './surroundings.ts';

/** How to connect. */
export interface ConnectOptions {
  /** The gateway's base URL, such as `https://gateway.example`, or a function that is asked at every attempt. */
  readonly gateway: string | (() => string | Promise<string>);

  /**
   * Gives a token (a JWT). Asked when it is needed: at each connection, before the one in force ends, and when the gateway
   * did not take it. A newer one is used on the connection that stands. What it throws shows as `token-unavailable` in
   * `status.problems`, or as `unauthorized` when the error has that `code`; it is asked again either way.
   */
  readonly token: () => string | Promise<string>;

  /**
   * Who uses this device. Each subject has an outbox of its own: it neither sees nor sends another's. Default: one outbox
   * for everybody on this origin.
   */
  readonly subject?: string;

  /**
   * `socket` (the default): a WebSocket, and plain HTTP for as long as WebSockets do not get through. `http`: never a
   * WebSocket.
   */
  readonly transport?: 'socket' | 'http';

  /** How long delivered messages stay readable by `outbox.get`, and re-sendable. */
  readonly keepDelivered?: {
    /** Milliseconds. Default: three days. */
    readonly forMs?: number;
    /** Bytes. Default: 64 MiB. */
    readonly bytesMax?: number;
  };

  /** Parts of the outside world to take the place of the browser's: in tests, in Node. */
  readonly surroundings?: Partial<Surroundings>;
}
