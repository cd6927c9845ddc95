import type { DeviceId } from '@fieldpost/protocol';

/** A witness outside the database (local storage), by which a lost database is noticed. */
export interface Marker {
  read(): DeviceId | undefined;
  write(device: DeviceId): void;
}
