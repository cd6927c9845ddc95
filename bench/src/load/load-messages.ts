import { randomUUID } from 'node:crypto';
import { encodeMessage, packEntries, type MessageId } from '@fieldpost/protocol';
import { makeOrders } from '../orders.ts';

/** Messages that travel together. */
export interface Batch {
  readonly first: number;
  readonly count: number;
  readonly entries: Uint8Array<ArrayBuffer>;
}

/** Different bodies; more of them would only take longer to make. */
const bodiesMade = 1000;

/** The bodies that devices send over and over, as JSON. */
export function makeBodies(seed: number): Uint8Array[] {
  const encoder = new TextEncoder();
  return makeOrders(seed, bodiesMade).map((order) => encoder.encode(JSON.stringify(order)));
}

/** The messages of one device as they travel, packed in batches: made before the clock starts, the same for everyone. */
export function packBatches(bodies: readonly Uint8Array[], messages: number, batchMessages: number): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < messages; start += batchMessages) {
    const entries = Array.from({ length: Math.min(batchMessages, messages - start) }, (_, index) =>
      encodeMessage({
        id: randomUUID() as string as MessageId,
        properties: {},
        body: bodies[(start + index) % bodies.length] ?? new Uint8Array(),
      }),
    );
    batches.push({ first: start + 1, count: entries.length, entries: packEntries(entries) });
  }
  return batches;
}
