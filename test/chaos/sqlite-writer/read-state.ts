import type { GatewayStore } from '@fieldpost/gateway/testing';
import { streamKeyText } from '@fieldpost/protocol';
import { isIntact, messageNumbers, NOW, QUEUE, streamOf } from './writer-content.ts';
import type { WriterReport } from './writer-messages.ts';

/** All that a store holds of what the writer wrote. */
export type WrittenState = Omit<Extract<WriterReport, { readonly type: 'state' }>, 'type'>;

/** Reads every mark and every message. */
export async function readState(store: GatewayStore, epochs: number): Promise<WrittenState> {
  const keys = Array.from({ length: epochs }, (_, epoch) => streamOf(epoch));
  const accepted = await store.transact(
    { streams: keys.map((key) => ({ key, since: 0 })) },
    ({ streams }) => ({
      changes: [],
      result: keys.map((key) => streams.get(streamKeyText(key))?.accepted ?? 0),
    }),
  );
  const present: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.peek({
      queue: QUEUE,
      limit: 1000,
      bodies: true,
      now: NOW,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const message of page.messages)
      present.push(`${messageNumbers(message.id).join(':')}:${isIntact(message) ? '' : 'damaged'}`);
    cursor = page.cursor;
  } while (cursor !== undefined);
  const info = await store.getQueue(QUEUE, NOW);
  return { accepted, present, counted: (info?.ready ?? 0) + (info?.leased ?? 0) + (info?.delayed ?? 0) };
}
