import type { Session } from '@fieldpost/protocol';
import type { DeviceRow } from '../ports/gateway-store.ts';
import { isSameSession } from './session-check.ts';

/**
 * Whether a hello that names `last` as its last session can come from the data that the session in force came from. Data
 * that goes on by itself names none, or the session in force; or, when that welcome was lost, the one that it had named before.
 * Another one is named by a copy of the data, or by data that was restored from a copy.
 */
export function isExplained(row: DeviceRow, last: Session | undefined): boolean {
  if (last === undefined || isSameSession(last, row.session)) return true;
  return row.parentSession !== undefined && isSameSession(last, row.parentSession);
}

/** Whether a device that has just forked again is in use in several copies: restored data forks once and goes on. */
export function isCloned(row: DeviceRow, now: number): boolean {
  return row.forks >= 1 && now - (row.forkedAt ?? 0) <= FORKS_COUNT_MS;
}

/** Forks further apart than this are two restores. */
const FORKS_COUNT_MS = 30 * 24 * 3_600_000;
