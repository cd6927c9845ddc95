import { setTimeout as pause } from 'node:timers/promises';
import { unreachable } from '@fieldpost/protocol';
import { until } from '../../support/until.ts';
import type { TabletFault } from '../plan.ts';
import type { Tablet } from './tablet.ts';

/** How long a fault waits for the traffic that it needs to happen to. */
const firesWithinMs = 90_000;
/** A line that nothing moves on is cut, so that the next connection's traffic meets the fault. */
const provokeAfterMs = 4000;

/** Lets the fault happen to the tablet, and resolves when it has met it and is over. */
export async function suffer(tablet: Tablet, fault: TabletFault): Promise<void> {
  tablet.allow(fault.at + fault.ordersMeanwhile);
  switch (fault.kind) {
    case 'offline':
      return offline(tablet, fault);
    case 'refuse':
      return refuse(tablet, fault);
    case 'stall':
      return stall(tablet, fault);
    case 'cut':
      return cut(tablet);
    case 'cut-up':
      return cutAfter(tablet, 'up', fault.afterBytes);
    case 'cut-down':
      return cutAfter(tablet, 'down', fault.afterBytes);
    case 'half-open':
      return halfOpen(tablet);
    case 'reload':
      return reload(tablet, fault);
    case 'browser-kill':
      return killBrowser(tablet, fault);
    default:
      return unreachable(fault.kind);
  }
}

/** Orders are taken and saved while there is no network at all. */
async function offline(tablet: Tablet, { at, ordersMeanwhile, lastsMs }: TabletFault): Promise<void> {
  await connected(tablet);
  tablet.proxy.setMode({ kind: 'refuse' });
  tablet.proxy.cut();
  await pause(lastsMs);
  await tablet.reach(at + ordersMeanwhile);
  tablet.proxy.setMode({ kind: 'pass' });
  await tablet.browser.announceNetwork();
}

async function refuse({ proxy }: Tablet, { lastsMs }: TabletFault): Promise<void> {
  const before = proxy.counters.faults.refuse;
  proxy.setMode({ kind: 'refuse' });
  proxy.cut();
  await pause(lastsMs);
  await fires('a connection is refused', () => proxy.counters.faults.refuse > before);
  proxy.setMode({ kind: 'pass' });
}

async function stall({ proxy }: Tablet, { lastsMs }: TabletFault): Promise<void> {
  const before = proxy.counters.faults.stall;
  proxy.setMode({ kind: 'stall' });
  await fires('a connection is stalled', () => proxy.counters.faults.stall > before);
  await pause(lastsMs);
  proxy.setMode({ kind: 'pass' });
}

async function cut(tablet: Tablet): Promise<void> {
  await connected(tablet);
  tablet.proxy.cut();
}

async function cutAfter({ proxy }: Tablet, direction: 'up' | 'down', bytes: number): Promise<void> {
  const name = `cut-after-${direction}` as const;
  const before = proxy.counters.faults[name];
  proxy.setMode({ kind: 'cut-after', direction, bytes });
  const provoke = setInterval(() => proxy.cut(), provokeAfterMs);
  try {
    await fires(
      `a connection is cut after ${bytes} bytes ${direction}`,
      () => proxy.counters.faults[name] > before,
    );
  } finally {
    clearInterval(provoke);
  }
}

/** The connection that is open now says nothing any more; the SDK has to notice by itself and take another. */
async function halfOpen(tablet: Tablet): Promise<void> {
  const { proxy } = tablet;
  await connected(tablet);
  const { connections, faults } = proxy.counters;
  const before = faults['half-open'];
  proxy.setMode({ kind: 'half-open' });
  await fires('a connection is half open', () => proxy.counters.faults['half-open'] > before);
  proxy.setMode({ kind: 'pass' });
  await fires('the dead line is noticed', () => proxy.counters.connections > connections);
}

async function reload(tablet: Tablet, { lastsMs }: TabletFault): Promise<void> {
  await pause(lastsMs / 10);
  tablet.forgetPage();
  await tablet.browser.reload();
}

async function killBrowser(tablet: Tablet, { lastsMs }: TabletFault): Promise<void> {
  await pause(lastsMs / 10);
  await tablet.browser.kill();
  tablet.forgetPage();
  await tablet.browser.start();
}

function connected({ name, proxy }: Tablet): Promise<void> {
  return fires(`${name} has a connection`, () => proxy.openConnections() > 0);
}

function fires(what: string, fact: () => boolean): Promise<void> {
  return until(fact, { what, withinMs: firesWithinMs });
}
