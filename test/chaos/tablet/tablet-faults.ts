import { rmSync, writeFileSync } from 'node:fs';
import type { FaultName } from '../../reliability/fault-catalogue.ts';
import { until } from '../../support/until.ts';
import type { Tablet } from './tablet.ts';

/** Loads the queue, causes the fault and takes it back. Tells how often it met something, and what may be gone for it. */
export type TabletFault = (tablet: Tablet, queue: string) => Promise<TabletOutcome>;

export interface TabletOutcome {
  readonly fired: number;
  /** Of what was saved, this may be missing, and was reported. */
  readonly mayLack?: (key: string) => boolean;
}

const YEARS_10_MS = 10 * 365 * 86_400_000;
const WITHIN_MS = 60_000;

export const TABLET_FAULTS = {
  'tablet-kill': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    await tablet.profile.kill();
    await loadTab(tablet, queue);
    return { fired: 1 };
  },
  'tablet-crash': async (tablet, queue) => {
    await loadTabs(tablet, queue, 2);
    const [page] = tablet.pages.splice(tablet.rng.below(2), 1);
    if (page === undefined) throw new Error('no tab to crash');
    const crashed = new Promise((resolve) => {
      page.once('crash', resolve);
    });
    const devTools = await tablet.profile.devTools(page);
    // Never answered: the one to answer is gone.
    devTools.send('Page.crash').catch(() => undefined);
    await crashed;
    await page.close();
    await tablet.load(await tablet.openTab(), queue);
    await tablet.untilSaved(queue, 20);
    return { fired: 1 };
  },
  'tablet-reload': async (tablet, queue) => {
    await loadTabs(tablet, queue, 2);
    const page = tablet.rng.pick(tablet.pages);
    await page.reload();
    await tablet.connect(page);
    await tablet.load(page, queue);
    await tablet.untilSaved(queue, 20);
    return { fired: 1 };
  },
  'tablet-power-drop': (tablet, queue) => cutPower(tablet, queue, 'drop'),
  'tablet-power-torn': (tablet, queue) => cutPower(tablet, queue, 'torn'),
  'tablet-disk-full': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    writeFileSync(tablet.fullFlag, '');
    try {
      await until(() => tablet.book.refusedIn(queue) > 0, {
        withinMs: WITHIN_MS,
        what: 'a save is told that there is no room',
      });
    } finally {
      rmSync(tablet.fullFlag, { force: true });
    }
    const fired = tablet.book.refusedIn(queue);
    await tablet.untilSaved(queue, 20);
    return { fired };
  },
  'tablet-restore': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    tablet.goOffline();
    await tablet.untilSaved(queue, 30);
    await tablet.stopLoad();
    const [page] = tablet.pages;
    const waiting = page === undefined ? 0 : (await tablet.statusOf(page)).pending;
    await tablet.profile.close();
    const backup = tablet.profile.copy();
    try {
      tablet.goOnline();
      const again = await tablet.startAgain();
      await until(async () => (await tablet.statusOf(again)).pending === 0, {
        withinMs: WITHIN_MS,
        what: 'it is empty before it goes back',
      });
      await tablet.profile.close();
      tablet.profile.restore(backup);
      await loadTab(tablet, queue);
      return { fired: waiting };
    } finally {
      await backup.dispose();
    }
  },
  'tablet-clone': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    tablet.goOffline();
    await tablet.untilSaved(queue, 30);
    await tablet.stopLoad();
    const [page] = tablet.pages;
    const shared = page === undefined ? 0 : (await tablet.statusOf(page)).pending;
    await tablet.profile.close();
    const clone = await tablet.clone();
    try {
      tablet.goOnline();
      await Promise.all([loadTab(tablet, queue), loadTab(clone, queue)]);
      await clone.drain();
      return { fired: shared };
    } finally {
      await clone.dispose();
    }
  },
  'tablet-wipe': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    tablet.goOffline();
    await tablet.untilSaved(queue, 30);
    const [page] = tablet.pages;
    if (page === undefined) throw new Error('no tab is open');
    const devTools = await tablet.profile.devTools(page);
    await devTools.send('Storage.clearDataForOrigin', {
      origin: new URL(page.url()).origin,
      storageTypes: 'indexeddb',
    });
    const mayLack = tablet.book.savedSoFar(queue);
    await tablet.untilSaved(queue, 20);
    await until(
      async () => (await tablet.statusOf(page)).problems.some(({ code }) => code === 'storage-lost'),
      {
        withinMs: WITHIN_MS,
        what: 'the loss is reported',
      },
    );
    tablet.goOnline();
    return { fired: 1, mayLack };
  },
  'clock-device': async (tablet, queue) => {
    await loadTabs(tablet, queue, 1);
    const size = 1000 * (YEARS_10_MS / 1000) ** tablet.rng.next();
    const offset = Math.round(tablet.rng.chance(0.5) ? size : -size);
    tablet.clock.jumpTo(offset);
    const page = await (tablet.rng.chance(0.5) ? restarted(tablet, queue) : tablet.pages[0]);
    const seen = (await page?.evaluate(() => Date.now())) ?? 0;
    await tablet.untilSaved(queue, 20);
    tablet.clock.jumpTo(0);
    await tablet.untilSaved(queue, 20);
    return { fired: Math.abs(seen - Date.now() - offset) < 60_000 ? 2 : 0 };
  },
} as const satisfies Partial<Record<FaultName, TabletFault>>;

export type TabletFaultName = keyof typeof TABLET_FAULTS;

/** So many tabs that send, until something of it has been saved. */
async function loadTabs(tablet: Tablet, queue: string, tabs: number): Promise<void> {
  while (tablet.pages.length < tabs) await tablet.openTab();
  for (const page of tablet.pages) await tablet.load(page, queue);
  await tablet.untilSaved(queue, 40);
}

/** The browser again, with one tab that sends. */
async function loadTab(tablet: Tablet, queue: string): Promise<void> {
  await tablet.load(await tablet.startAgain(), queue);
  await tablet.untilSaved(queue, 20);
}

async function restarted(tablet: Tablet, queue: string): Promise<Tablet['pages'][number] | undefined> {
  await tablet.profile.kill();
  await loadTab(tablet, queue);
  return tablet.pages[0];
}

async function cutPower(tablet: Tablet, queue: string, loss: 'drop' | 'torn'): Promise<TabletOutcome> {
  // Half of the time offline, so that what was saved has nowhere else to be.
  if (tablet.rng.chance(0.5)) tablet.goOffline();
  await loadTabs(tablet, queue, 1);
  const before = await deviceOf(tablet);
  await tablet.profile.kill();
  const mayLack = tablet.book.savedSoFar(queue);
  tablet.disk.cutPower(loss, tablet.rng);
  tablet.goOnline();
  await loadTab(tablet, queue);
  // A sector torn out of the middle of its log is damage to LevelDB, and Chromium then starts with an empty database: the
  // device is a new one. What waited is gone; nothing else may be.
  const startedEmpty = loss === 'torn' && (await deviceOf(tablet)) !== before;
  return startedEmpty ? { fired: 1, mayLack } : { fired: 1 };
}

async function deviceOf({ pages: [page] }: Tablet): Promise<string | undefined> {
  return page?.evaluate(() => globalThis.loadPage.device());
}
