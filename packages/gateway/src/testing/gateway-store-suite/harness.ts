import type { GatewayStore } from '../../ports/gateway-store.ts';

/** What the suite needs of an adapter: stores on data that outlive them, and a disk that fails on demand. */
export interface GatewayStoreHarness {
  /** Opens a store on this harness's data, which at first is empty. */
  open(): Promise<GatewayStore>;
  /** Opens a store on the same data, whose disk fails as told. Opening it counts as well, and may fail. */
  openFaulty(fault: StorageFault): Promise<GatewayStore>;
  /** How often the fault of the last {@link openFaulty} struck. */
  faultsStruck(): number;
  /** A name to back up to. */
  backupFile(): string;
  /** Absent where the operator makes backups by other means than the store's. */
  openBackup?(file: string): Promise<GatewayStore>;
  /** Whether several stores may be open on the same data at once. */
  readonly isShared: boolean;
  /** Removes the data. Stores are closed by then. */
  dispose(): Promise<void>;
}

/** Which operation on the disk fails, and how. */
export interface StorageFault {
  /** 1 is the first operation after opening began. */
  readonly at: number;
  readonly lasts: 'once' | 'for-good';
  /** What fails: the operation itself, or only the news that it was done. */
  readonly when: 'before' | 'after';
  readonly kind: 'io-error' | 'disk-full';
}
