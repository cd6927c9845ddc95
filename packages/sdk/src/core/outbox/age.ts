import type { Instant } from '@fieldpost/protocol';
import type { Contact } from '../../ports/outbox-store.ts';
import type { OutboxState, PendingSegment } from './outbox-state.ts';

/**
 * How long ago a segment was saved, in milliseconds. For as long as this tab has known it, a clock tells that nobody can
 * set. How old it was before, the device's own clock tells, and that is believed only if the gateway's bears it out: the
 * time of saving has to lie between those of the contacts before and after it. Otherwise it counts as saved when it was
 * first seen: a message must not expire because a tablet came up in 1970.
 */
export function ageOf(state: OutboxState, segment: PendingSegment, now: Instant): number {
  const knownMs = Math.max(0, now - segment.seenAt);
  const { position, savedAt } = segment.key;
  const { gatewayTime } = state;
  const before = state.contacts.findLast(({ upTo }) => upTo < position);
  const after = state.contacts.find(({ upTo }) => upTo >= position);
  if (gatewayTime === undefined || before === undefined || after === undefined) return Math.floor(knownMs);
  if (savedAt < before.timeMs || savedAt > after.timeMs) return Math.floor(knownMs);
  const gatewayMs = gatewayTime.timeMs + (now - gatewayTime.at);
  return Math.floor(Math.max(knownMs, gatewayMs - savedAt));
}

/** The contacts with a new one, without those that nothing waiting was saved before or after. */
export function withContact(contacts: readonly Contact[], contact: Contact, settledUpTo: number): Contact[] {
  const all = [...contacts.filter(({ upTo }) => upTo < contact.upTo), contact];
  const first = all.findLastIndex(({ upTo }) => upTo <= settledUpTo);
  const needed = all.slice(Math.max(first, 0));
  // Of too many, one in the middle: what was saved about then is told less exactly, or counts as younger.
  return needed.length <= CONTACTS_MAX ? needed : needed.toSpliced(1, 1);
}

const CONTACTS_MAX = 32;
