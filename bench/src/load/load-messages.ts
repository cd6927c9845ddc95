import { randomUUID } from 'node:crypto';
import { encodeMessage, packEntries, type MessageId } from '@fieldpost/protocol';
import { makeOrders } from '../orders.ts';

/** Messages that travel together. */
export interface Batch {
  readonly first: number;
  readonly count: number;
  readonly entries: Uint8Array<ArrayBuffer>;
}

/** The orders of one device as they travel, packed in batches: made before the clock starts, the same for every contestant. */
export function packBatches(seed: number, messages: number, batchMessages: number): Batch[] {
  const encoder = new TextEncoder();
  const encoded = makeOrders(seed, messages).map((order) =>
    encodeMessage({
      id: randomUUID() as string as MessageId,
      properties: {},
      body: encoder.encode(JSON.stringify(order)),
    }),
  );
  const batches: Batch[] = [];
  for (let start = 0; start < messages; start += batchMessages) {
    const part = encoded.slice(start, start + batchMessages);
    batches.push({ first: start + 1, count: part.length, entries: packEntries(part) });
  }
  return batches;
}
