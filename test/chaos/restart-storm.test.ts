import { connect, type Fieldpost, type Sent } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterEach, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';

// Hazard 22: a gateway goes down under thousands of connected devices and comes back; all of them come back to it too.

const DEVICES = Number(process.env['STORM_DEVICES'] ?? 1_000);
/** Devices that connect at once at the start: a real fleet does not start in one millisecond. */
const STARTED_AT_ONCE = 50;

let gateway: GatewayProcess | undefined;
const posts: Fieldpost[] = [];

afterEach(async () => {
  await Promise.all(posts.splice(0).map((post) => post.close()));
  await gateway?.dispose();
  gateway = undefined;
});

test(
  `${DEVICES} devices deliver everything once after their gateway was killed and came back`,
  { timeout: 120_000 },
  async () => {
    const from = performance.now();
    // All devices of this storm have one token.
    const places = String(2 * DEVICES);
    gateway = await startGatewayProcess({
      environment: { FIELDPOST_CONNECTIONS_MAX: places, FIELDPOST_CONNECTIONS_PER_SUBJECT_MAX: places },
    });
    const { url } = gateway;
    const token = await gateway.token();
    for (let started = 0; started < DEVICES; started += STARTED_AT_ONCE) {
      const wave = Array.from({ length: Math.min(STARTED_AT_ONCE, DEVICES - started) }, () =>
        startDevice(url, token),
      );
      posts.push(...(await Promise.all(wave)));
    }
    const sent = await sendFromAll('before');
    await allDelivered(sent);
    await until(() => posts.every((post) => post.status.get().online), { withinMs: 30_000 });

    await gateway.kill9();
    await until(() => posts.every((post) => !post.status.get().online), { withinMs: 30_000 });
    const offline = await sendFromAll('offline');
    await gateway.restart();
    const last = await sendFromAll('after');
    await allDelivered([...offline, ...last]);

    const queue = new QueueAtGateway({ name: 'orders', url: () => url, token });
    recordRun({
      type: 'cycles',
      fault: 'storm',
      cycles: 1,
      fired: 1,
      failures: (await queue.counts()).ready === 3 * DEVICES ? 0 : 1,
      seed: CHAOS_SEED,
      seconds: Math.round((performance.now() - from) / 1000),
      detail: `${3 * DEVICES} messages of ${DEVICES} devices compared`,
    });
    expect(await queue.counts()).toEqual({ ready: 3 * DEVICES, leased: 0, delayed: 0 });
  },
);

function startDevice(url: string, token: string): Promise<Fieldpost> {
  return connect({
    gateway: url,
    token: () => token,
    surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },
  });
}

function sendFromAll(phase: string): Promise<Sent[]> {
  return Promise.all(posts.map((post, device) => post.queue('orders').send({ phase, device })));
}

async function allDelivered(sent: readonly Sent[]): Promise<void> {
  const fates = await Promise.all(sent.map(({ delivered }) => delivered));
  expect(new Set(fates.map(({ outcome }) => outcome))).toEqual(new Set(['delivered']));
}
