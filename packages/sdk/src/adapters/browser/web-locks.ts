import type { LeaderLock } from '../../ports/leader-lock.ts';

/** The origin's Web Locks. Where there are none, everybody holds the lock, and the lease in the store decides alone. */
export function createWebLocks(): LeaderLock {
  const locks: LockManager | undefined = typeof navigator === 'undefined' ? undefined : navigator.locks;
  return locks === undefined
    ? HELD_BY_EVERYBODY
    : { acquire: (name, listener) => acquire(locks, name, listener) };
}

function acquire(
  locks: LockManager,
  name: string,
  listener: Parameters<LeaderLock['acquire']>[1],
): () => void {
  let isOver = false;
  let release = (): void => undefined;
  const abort = new AbortController();
  const hold = (): Promise<void> => {
    if (isOver) return Promise.resolve();
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    listener.held();
    return held;
  };
  // Rejects when the request is called off, and when another one steals the lock.
  locks.request(name, { signal: abort.signal }, hold).catch(() => {
    if (!isOver) listener.lost();
  });
  return () => {
    isOver = true;
    abort.abort();
    release();
  };
}

/** No lock at all: for where nobody shares the store, or only the lease shall decide. */
export const HELD_BY_EVERYBODY: LeaderLock = {
  acquire(_, listener) {
    let isOver = false;
    queueMicrotask(() => {
      if (!isOver) listener.held();
    });
    return () => {
      isOver = true;
    };
  },
};
