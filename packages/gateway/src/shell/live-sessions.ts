import type { DeviceId, Session } from '@fieldpost/protocol';

/** The live connections of this gateway by device, so that a newer session ends the older one at once. */
export interface LiveSessions {
  /** A session began: an older live connection of the device hears of it. */
  supersede(device: DeviceId, session: Session): void;
  /** A connection is live with this session. Returns the way to sign it off. */
  register(device: DeviceId, session: Session, onSuperseded: (session: Session) => void): () => void;
  /** Live connections. */
  count(): number;
}

interface LiveSession {
  readonly session: Session;
  readonly onSuperseded: (session: Session) => void;
}

export function createLiveSessions(): LiveSessions {
  const live = new Map<DeviceId, Set<LiveSession>>();
  const newest = (device: DeviceId): Session | undefined => {
    let found: Session | undefined;
    for (const { session } of live.get(device) ?? []) {
      if (found === undefined || session.number > found.number) found = session;
    }
    return found;
  };
  const supersede = (device: DeviceId, session: Session): void => {
    for (const older of live.get(device) ?? []) {
      if (older.session.number < session.number) older.onSuperseded(session);
    }
  };
  return {
    supersede,
    register(device, session, onSuperseded) {
      const entry: LiveSession = { session, onSuperseded };
      const entries = live.get(device) ?? new Set();
      live.set(device, entries.add(entry));
      // Two hellos may have been decided before the first of them got here.
      const latest = newest(device);
      if (latest !== undefined) supersede(device, latest);
      return () => {
        entries.delete(entry);
        if (entries.size === 0 && live.get(device) === entries) live.delete(device);
      };
    },
    count() {
      let count = 0;
      for (const entries of live.values()) count += entries.size;
      return count;
    },
  };
}
