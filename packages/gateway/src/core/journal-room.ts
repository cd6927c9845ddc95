import type { QueueSettings, QueueUsage } from '../ports/gateway-store.ts';

/** How many of these messages a journal has room for: it may hold as much as its queue, by itself. */
export function journalRoom(
  { quotaMessages, quotaBytes }: Pick<QueueSettings, 'quotaMessages' | 'quotaBytes'>,
  journal: QueueUsage,
  sizes: readonly number[],
): number {
  let { messages, bytes } = journal;
  for (const [index, size] of sizes.entries()) {
    messages += 1;
    bytes += size;
    if (messages > (quotaMessages ?? messages) || bytes > (quotaBytes ?? bytes)) return index;
  }
  return sizes.length;
}
