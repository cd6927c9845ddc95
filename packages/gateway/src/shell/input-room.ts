/**
 * The memory for what callers send: what is being read, and what was read and is not committed. Every caller keeps to a
 * limit; a thousand of them that come at once, or that send slowly on purpose, would fill the memory all the same.
 */
export interface InputRoom {
  /** Whether there is as much as there may be: nothing more is begun then. */
  isFull(): boolean;
  /** What is taken of it. */
  bytes(): number;
  /** A caller's part of it, empty at first. */
  share(): InputShare;
}

/** What one caller has of the room. */
export interface InputShare {
  /** Counts so many bytes more; false when the room is full, and then they are not counted. */
  take(bytes: number): boolean;
  /** Gives all of it back. May be called again. */
  release(): void;
}

const BYTES_MAX = 256 * 1024 * 1024;

/** @param bytesMax what all callers together may have; a request that begins below it may go over */
export function createInputRoom(bytesMax: number = BYTES_MAX): InputRoom {
  let taken = 0;
  const isFull = (): boolean => taken >= bytesMax;
  return {
    isFull,
    bytes: () => taken,
    share() {
      let own = 0;
      return {
        take(bytes) {
          if (isFull()) return false;
          own += bytes;
          taken += bytes;
          return true;
        },
        release() {
          taken -= own;
          own = 0;
        },
      };
    },
  };
}
