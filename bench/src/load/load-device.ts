/** A device without a browser, for measuring what a server takes: sends packed messages and hears when they are durable. */
export interface LoadDevice {
  /** Connects and says who it is. */
  open(): Promise<void>;
  /** Sends messages `first` to `first + count - 1`, packed; resolves when the server has said that they are durable. */
  push(first: number, count: number, entries: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): void;
}

/** Where devices send to. */
export interface LoadTarget {
  readonly kind: 'fieldpost' | 'bare';
  readonly url: string;
  readonly token: string;
  /** Whether messages carry every property that a device can give them; none at all when absent. */
  readonly hasProperties?: boolean;
}
