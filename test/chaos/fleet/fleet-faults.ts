import { rmSync, writeFileSync } from 'node:fs';
import { FAILPOINTS } from '@fieldpost/gateway/testing';
import type { Rng } from '@fieldpost/protocol';
import type { FaultName } from '../../reliability/fault-catalogue.ts';
import type { ProxyMode } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import type { Fleet } from './fleet.ts';

/** Causes the fault under load and takes it back. Resolves with how often it met something; 0 fails the run. */
export type FleetFault = (fleet: Fleet) => Promise<number>;

/** No consumer of the fleet sends messages in transactions; test/chaos/order-workflow.test.ts has some that do. */
const MET_FAILPOINTS = FAILPOINTS.filter((point) => !point.startsWith('transaction-'));
const DIES_WITHIN_MS = 60_000;
const SECOND_MS = 1000;
const YEARS_10_MS = 10 * 365 * 86_400_000;

export const FLEET_FAULTS = {
  'gateway-kill': async (fleet) => {
    await fleet.gateway.kill9();
    await fleet.workOn(300);
    await fleet.gateway.restart();
    return 1;
  },
  'gateway-failpoint': async (fleet) => {
    await fleet.gateway.stop();
    await fleet.startWith({}, `${fleet.rng.pick(MET_FAILPOINTS)}:${1 + fleet.rng.below(12)}`);
    const fired = (await endOf(fleet)) === 'SIGKILL' ? 1 : 0;
    await fleet.gateway.restart();
    return fired;
  },
  'gateway-stop': async (fleet) => {
    const code = await fleet.gateway.stop();
    if (code !== 0) throw new Error(`a stop in order ended with ${code}:\n${fleet.gateway.log.join('\n')}`);
    await fleet.workOn(300);
    await fleet.gateway.restart();
    return 1;
  },
  'gateway-power-drop': (fleet) => cutPower(fleet, 'drop'),
  'gateway-power-torn': (fleet) => cutPower(fleet, 'torn'),
  'gateway-disk-full': async (fleet) => {
    writeFileSync(fleet.fullFlag, '');
    try {
      let refusals = 0;
      await until(async () => ((await probe(fleet)) === 'store-full' ? ++refusals : 0) > 0, {
        what: 'a send is told that the disk is full',
      });
      await fleet.workOn(400);
      return refusals;
    } finally {
      rmSync(fleet.fullFlag, { force: true });
    }
  },
  'gateway-sync-fails': async (fleet) => {
    await fleet.gateway.stop();
    await fleet.startWith({ POWER_LOSS_SYNC_FAILS: String(12 + fleet.rng.below(60)) });
    const fired = (await endOf(fleet)) === 1 ? 1 : 0;
    fleet.disk.cutPower('drop', fleet.rng);
    await fleet.gateway.restart();
    return fired;
  },
  'line-faults': async (fleet) => {
    const before = faultsMet(fleet);
    for (const { proxy } of fleet.devices) misbehave(proxy, fleet.rng);
    await fleet.workOn(1500);
    for (const { proxy } of fleet.devices) {
      proxy.setMode({ kind: 'pass' });
      // A line that swallows everything is noticed late; what is open is cut, most of the time, so that cycles are many.
      if (fleet.rng.chance(0.8)) proxy.cut();
    }
    return faultsMet(fleet) - before;
  },
  'device-restart': async (fleet) => {
    await Promise.all(fleet.devices.map((device) => device.restart()));
    return fleet.devices.length;
  },
  'device-restore': async (fleet) => {
    const device = fleet.rng.pick(fleet.devices);
    device.proxy.setMode({ kind: 'refuse' });
    device.proxy.cut();
    await until(() => device.pending > 20);
    const backup = device.database.copy();
    device.proxy.setMode({ kind: 'pass' });
    await device.stopLoad();
    device.hint();
    await until(() => device.pending === 0, { withinMs: DIES_WITHIN_MS, what: 'the device is empty' });
    const revived = backup.segments.size;
    await device.restart(backup);
    return revived;
  },
  'device-clone': async (fleet) => {
    const device = fleet.rng.pick(fleet.devices);
    device.proxy.setMode({ kind: 'refuse' });
    device.proxy.cut();
    await until(() => device.pending > 20);
    await device.stopLoad();
    const shared = device.pending;
    const clone = await device.clone(`clone${fleet.devices.length}.${fleet.book.checked}`);
    try {
      device.proxy.setMode({ kind: 'pass' });
      device.hint();
      device.startLoad();
      clone.startLoad();
      await fleet.workOn(500);
      await Promise.all([clone.stopLoad(), device.stopLoad()]);
      const both = [clone, device];
      await until(() => both.every(({ pending }) => pending === 0), {
        withinMs: DIES_WITHIN_MS,
        what: 'both clones are empty',
      });
    } finally {
      await clone.dispose();
    }
    return shared;
  },
  'clock-gateway': async (fleet) => {
    const betweenStarts = fleet.rng.chance(0.5);
    if (betweenStarts) await fleet.gateway.kill9();
    fleet.clock.jumpTo(jump(fleet.rng));
    if (betweenStarts) await fleet.gateway.restart();
    const isWrong = Math.abs((await timeAt(fleet)) - Date.now() - fleet.clock.offsetMs) < 2 * SECOND_MS;
    await fleet.workOn(600);
    // Back to the right time: the second jump.
    fleet.clock.jumpTo(0);
    return isWrong ? 2 : 0;
  },
  'clock-device': async (fleet) => {
    for (const device of fleet.devices) device.wallOffsetMs = jump(fleet.rng);
    await fleet.workOn(400);
    await Promise.all(
      fleet.devices.map(async (device) => (fleet.rng.chance(0.3) ? device.restart() : undefined)),
    );
    await fleet.workOn(200);
    for (const device of fleet.devices) device.wallOffsetMs = 0;
    return fleet.devices.length;
  },
} as const satisfies Partial<Record<FaultName, FleetFault>>;

export type FleetFaultName = keyof typeof FLEET_FAULTS;

async function cutPower(fleet: Fleet, loss: 'drop' | 'torn'): Promise<number> {
  await fleet.gateway.kill9();
  fleet.disk.cutPower(loss, fleet.rng);
  await fleet.workOn(200);
  await fleet.gateway.restart();
  return 1;
}

/** How the gateway ended by itself. */
async function endOf({ gateway }: Fleet): Promise<number | string> {
  const late = new AbortController();
  const signal = AbortSignal.any([late.signal, AbortSignal.timeout(DIES_WITHIN_MS)]);
  const tooLate = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the gateway does not end itself')));
  });
  try {
    return await Promise.race([gateway.exited, tooLate]);
  } finally {
    tooLate.catch(() => undefined);
    late.abort();
  }
}

/** How often a line has failed a connection, of all devices. */
function faultsMet({ devices }: Fleet): number {
  return devices.reduce(
    (sum, { proxy }) => sum + Object.values(proxy.counters.faults).reduce((all, count) => all + count, 0),
    0,
  );
}

function misbehave(proxy: { setMode(mode: ProxyMode): void; cut(): number }, rng: Rng): void {
  const modes: readonly (() => void)[] = [
    () => proxy.cut(),
    () => proxy.setMode({ kind: 'stall' }),
    () => proxy.setMode({ kind: 'half-open' }),
    () => {
      proxy.setMode({ kind: 'refuse' });
      proxy.cut();
    },
    () => proxy.setMode({ kind: 'cut-after', direction: 'up', bytes: rng.below(4000) }),
    () => proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: rng.below(1000) }),
  ];
  rng.pick(modes)();
}

/** From a second to ten years, each order of magnitude as likely as the others, forward or back. */
function jump(rng: Rng): number {
  const size = SECOND_MS * (YEARS_10_MS / SECOND_MS) ** rng.next();
  return Math.round(rng.chance(0.5) ? size : -size);
}

/** What time it is for the gateway, within a second. */
async function timeAt(fleet: Fleet): Promise<number> {
  const response = await fetch(`${fleet.gateway.url}/v1/dev/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ expiresInSeconds: 1 }),
  });
  return Date.parse(String(Reflect.get(Object(await response.json()), 'expiresAt')));
}

/** Sends to a queue of its own, so that nothing of it counts, and tells the code of the refusal. */
async function probe(fleet: Fleet): Promise<string> {
  const response = await fetch(`${fleet.gateway.url}/v1/queues/probe/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await fleet.gateway.token()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ body: 'is there room?' }] }),
  });
  const answer: unknown = await response.json();
  return String(Reflect.get(Object(answer), 'code'));
}
