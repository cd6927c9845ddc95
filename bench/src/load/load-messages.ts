import { randomUUID } from 'node:crypto';
import { encodeMessage, packEntries, type MessageId, type MessageProperties } from '@fieldpost/protocol';
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
export function packBatches(
  bodies: readonly Uint8Array[],
  messages: number,
  batchMessages: number,
  propertiesOf: (index: number) => MessageProperties,
): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < messages; start += batchMessages) {
    const entries = Array.from({ length: Math.min(batchMessages, messages - start) }, (_, index) =>
      encodeMessage({
        id: randomUUID() as string as MessageId,
        properties: propertiesOf(start + index),
        body: bodies[(start + index) % bodies.length] ?? new Uint8Array(),
      }),
    );
    batches.push({ first: start + 1, count: entries.length, entries: packEntries(entries) });
  }
  return batches;
}

const plain: MessageProperties = {};

/** Messages as most apps send them. */
export function noProperties(): MessageProperties {
  return plain;
}

const groups = 100;
const delayedEach = 10;

/** Messages that use all that a queue can do for one of them. */
export function allProperties(index: number): MessageProperties {
  return {
    headers: { region: `region-${index % 8}`, version: '3' },
    label: `order ${index}`,
    correlationId: `visit-${index % 1000}`,
    replyTo: 'answers',
    traceparent: `00-${index.toString(16).padStart(32, '1')}-00f067aa0ba902b7-01`,
    timeToReachQueueMs: 3_600_000,
    timeToLiveMs: 86_400_000,
    groupId: `customer-${index % groups}`,
    ack: 'reach',
    ...(index % delayedEach === 0 && { deliverAfterMs: 60_000 }),
  };
}
