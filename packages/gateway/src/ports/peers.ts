import type { DeviceId, Session } from '@fieldpost/protocol';

/** What a gateway tells the others on its store. */
export type News =
  /** Something became visible in the queue. */
  | { readonly type: 'arrival'; readonly queue: string }
  /** A newer session of the device began. */
  | { readonly type: 'session'; readonly device: DeviceId; readonly session: Session }
  /** The device was revoked; its sessions up to this one are over. */
  | { readonly type: 'revocation'; readonly device: DeviceId; readonly session: Session };

/**
 * The other gateways on the same store. What they tell is a hint that may come late or never; nothing rests on it but how
 * soon somebody looks.
 */
export interface Peers {
  /** Tells all others, some milliseconds later, what came by then. */
  tell(news: News): void;
  /**
   * Has `onNews` called with what others tell, and `onSilence` when some of it may have been missed: then everybody who
   * waits has to look. To be called once.
   */
  listen(onNews: (news: News) => void, onSilence: () => void): void;
}
