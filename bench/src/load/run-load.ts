import { createBareDevice } from './bare-device.ts';
import { createFieldpostDevice } from './fieldpost-device.ts';
import type { LoadDevice, LoadTarget } from './load-device.ts';
import { allProperties, type Batch, makeBodies, noProperties, packBatches } from './load-messages.ts';

export interface LoadRequest {
  readonly target: LoadTarget;
  readonly seed: number;
  readonly devices: number;
  /** Over all devices. */
  readonly messages: number;
  readonly batchMessages: number;
  /** Batches of one device that are under way at once. */
  readonly inFlight: number;
}

export interface LoadOutcome {
  readonly messages: number;
  readonly durationMs: number;
}

const create = { fieldpost: createFieldpostDevice, bare: createBareDevice };

/** Connects all devices, then lets them send at once. The clock runs from the first batch to the last acknowledgement. */
export async function runLoad(request: LoadRequest): Promise<LoadOutcome> {
  const { target, devices: count, inFlight } = request;
  const each = Math.ceil(request.messages / count);
  const bodies = makeBodies(request.seed);
  const propertiesOf = target.hasProperties === true ? allProperties : noProperties;
  const loads = Array.from({ length: count }, () => ({
    device: create[target.kind](target),
    batches: packBatches(bodies, each, request.batchMessages, propertiesOf),
  }));
  try {
    for (const { device } of loads) await device.open();
    const startedAt = performance.now();
    await Promise.all(loads.map(async ({ device, batches }) => sendAll(device, batches, inFlight)));
    return { messages: each * count, durationMs: performance.now() - startedAt };
  } finally {
    for (const { device } of loads) device.close();
  }
}

async function sendAll(device: LoadDevice, batches: readonly Batch[], inFlight: number): Promise<void> {
  const rest = batches.values();
  const lane = async (): Promise<void> => {
    for (const { first, count, entries } of rest) await device.push(first, count, entries);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}
