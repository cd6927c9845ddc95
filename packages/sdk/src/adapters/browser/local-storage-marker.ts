import { type DeviceId, isUuid } from '@fieldpost/protocol';
import type { Marker } from '../../ports/marker.ts';

/** The device's id in local storage. Workers have none, and a page may be forbidden it: then there is no marker. */
export function createLocalStorageMarker(name: string): Marker {
  const key = `${name}.device`;
  return {
    read() {
      try {
        const value = localStorage.getItem(key);
        return value !== null && isUuid(value) ? (value as DeviceId) : undefined;
      } catch {
        return undefined;
      }
    },
    write(device) {
      try {
        localStorage.setItem(key, device);
      } catch {
        // A missing witness notices nothing; it breaks nothing either.
      }
    },
  };
}

/** No witness. */
export const NO_MARKER: Marker = { read: () => undefined, write: () => undefined };
