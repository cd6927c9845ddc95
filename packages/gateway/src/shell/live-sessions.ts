import type { DeviceId, Session } from '@fieldpost/protocol';

/** The live connections of this gateway by device, so that a newer session, or an operator, ends the older one at once. */
export interface LiveSessions {
  /** A session began: an older live connection of the device hears of it. */
  supersede(device: DeviceId, session: Session): void;
  /** A connection is live with this session. Returns the way to sign it off. */
  register(device: DeviceId, session: Session, listener: LiveSessionListener): () => void;
  /**
   * The device was revoked when this was its session: its live connections of sessions up to that hear of it, those also
   * whose hello was decided before and gets here later. A newer session was begun after the device was reinstated.
   */
  revoke(device: DeviceId, session: Session): void;
  /** There may be fates to tell these devices: those that are connected here hear of it. */
  noticeFates(devices: Iterable<DeviceId>): void;
  /** Whether the device has a live connection here. */
  has(device: DeviceId): boolean;
  /** Live connections. */
  count(): number;
}

interface LiveSessionListener {
  readonly superseded: (session: Session) => void;
  readonly revoked: () => void;
  readonly fatesNoticed: () => void;
}

interface LiveSession {
  readonly session: Session;
  readonly listener: LiveSessionListener;
}

export function createLiveSessions(): LiveSessions {
  const live = new Map<DeviceId, Set<LiveSession>>();
  /** The session that a device had when it was revoked: its welcome may still be on its way here. */
  const revoked = new Map<DeviceId, Session>();
  const newest = (device: DeviceId): Session | undefined => {
    let found: Session | undefined;
    for (const { session } of live.get(device) ?? []) {
      if (found === undefined || session.number > found.number) found = session;
    }
    return found;
  };
  const supersede = (device: DeviceId, session: Session): void => {
    for (const older of live.get(device) ?? []) {
      if (older.session.number < session.number) older.listener.superseded(session);
    }
  };
  return {
    supersede,
    revoke(device, session) {
      revoked.set(device, session);
      for (const entry of live.get(device) ?? [])
        if (entry.session.number <= session.number) entry.listener.revoked();
    },
    noticeFates(devices) {
      for (const device of devices)
        for (const { listener } of live.get(device) ?? []) listener.fatesNoticed();
    },
    has: (device) => live.has(device),
    register(device, session, listener) {
      const entry: LiveSession = { session, listener };
      const entries = live.get(device) ?? new Set();
      live.set(device, entries.add(entry));
      // Two hellos may have been decided before the first of them got here.
      const latest = newest(device);
      if (latest !== undefined) supersede(device, latest);
      if (session.number <= (revoked.get(device)?.number ?? 0)) listener.revoked();
      else revoked.delete(device);
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
