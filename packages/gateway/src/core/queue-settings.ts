import { LIMITS } from '@fieldpost/protocol';
import type { QueueRow, QueueSettings } from '../ports/gateway-store.ts';

/** What a queue is that was made without saying more. */
export const DEFAULT_SETTINGS: QueueSettings = {
  maxBodyBytes: LIMITS.bodyBytesDefault,
  maxDeliveries: 5,
  retryDelaysMs: [1_000, 10_000, 60_000, 600_000],
  deadLetter: true,
  ordering: 'priority',
  journal: false,
  journalRetentionMs: 7 * 24 * 60 * 60 * 1000,
  rules: [],
  receivingPaused: false,
  sendingPaused: false,
};

/** The row of a new queue. */
export function newQueueRow(
  name: string,
  createdAt: number,
  settings: Partial<QueueSettings> = {},
): QueueRow {
  return { ...DEFAULT_SETTINGS, ...settings, name, createdAt };
}

/** The settings of a row, without what is no setting. */
function settingsOf(row: QueueRow): QueueSettings {
  const { name: _, createdAt: __, ...settings } = row;
  return settings;
}

/** Settings as a store keeps them. Those that a later release adds get their defaults when they are read. */
export function settingsText(row: QueueRow): string {
  return JSON.stringify(settingsOf(row));
}

/** The settings of a text that {@link settingsText} wrote, in this release or an earlier one. */
export function readSettings(text: string): QueueSettings {
  return { ...DEFAULT_SETTINGS, ...(JSON.parse(text) as Partial<QueueSettings>) };
}

/** Whether two queues have the same settings. Whether they are paused is no setting of theirs, it is how they stand. */
export function hasSameSettings(one: QueueRow, other: QueueRow): boolean {
  const text = (row: QueueRow): string => {
    const { receivingPaused: _, sendingPaused: __, ...settings } = settingsOf(row);
    return JSON.stringify(Object.entries(settings).toSorted(([left], [right]) => (left < right ? -1 : 1)));
  };
  return text(one) === text(other);
}
