/**
 * What a page offers to the bench as `globalThis.device`: the one interface that every contestant in a browser implements.
 * Durations are milliseconds of the page's clock; orders are made from the seed before the clock starts.
 */
export interface Device {
  /** Opens the local database, with nobody to send to. */
  open(settings: DeviceSettings): Promise<void>;
  /** Saves orders `first` to `first + count - 1`, each awaited before the next. */
  saveOneByOne(first: number, count: number): Promise<number>;
  /** Saves the orders as fast as the contestant knows how to, when all of them are there at once. */
  saveAll(first: number, count: number): Promise<number>;
  /**
   * Called in a page just loaded: opens the database, sends all that waits, and resolves when the last is acknowledged and
   * the device has written that down. The clock runs from the call.
   */
  drain(settings: DeviceSettings): Promise<number>;
  /** How many orders the device still holds for sending. */
  waiting(): Promise<number>;
  /** Lets go of the database and the connection. */
  close(): Promise<void>;
}

export interface DeviceSettings {
  readonly seed: number;
  /** Base URL of the server. */
  readonly server: string;
  /** For contestants whose server asks for one. */
  readonly token: string;
  readonly durability: 'strict' | 'relaxed';
  /** Messages in one request, for contestants that have the choice. */
  readonly batch: number;
}

/** What the bench finds in a page. */
export interface DeviceGlobal {
  device: Device;
}

/** Puts a device where the bench finds it. */
export function offerDevice(device: Device): void {
  (globalThis as unknown as DeviceGlobal).device = device;
}
