import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Rng } from '@fieldpost/protocol';
import type { StatusSnapshot } from '@fieldpost/sdk';
import type { Page } from 'playwright-core';
import { ChromiumProfile } from '../../support/chromium-profile.ts';
import { JumpingClock } from '../../support/clock-jump/jumping-clock.ts';
import { PowerLossDisk } from '../../support/power-loss/power-loss-disk.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import type {} from './load-page.ts';
import { TabletBook } from './tablet-book.ts';
import type { TabletStage } from './tablet-stage.ts';

export interface TabletOptions {
  readonly durability?: 'relaxed';
}

const DRAINED_WITHIN_MS = 120_000;
const CONNECTED_WITHIN_MS = 60_000;

/** A real Chromium with the SDK: its database on a disk whose power can be cut, its clock one that can jump. */
export class Tablet {
  readonly rng: Rng;
  readonly profile = new ChromiumProfile();
  readonly proxy: TcpProxy;
  readonly book: TabletBook;
  readonly disk: PowerLossDisk;
  readonly clock = new JumpingClock();
  /** While a file of this name exists, the disk of the database is full. */
  readonly fullFlag: string;
  /** The tabs that are open. */
  readonly pages: Page[] = [];
  readonly #stage: TabletStage;
  readonly #options: TabletOptions;
  #lanes = 0;

  private constructor(
    stage: TabletStage,
    rng: Rng,
    proxy: TcpProxy,
    options: TabletOptions,
    book: TabletBook,
  ) {
    this.#stage = stage;
    this.#options = options;
    this.rng = rng;
    this.proxy = proxy;
    this.book = book;
    const folder = join(this.profile.folder, 'Default', 'IndexedDB', databaseName(stage.server.origin));
    // There before Chromium makes it, to be watched from its first write on.
    mkdirSync(folder, { recursive: true });
    this.disk = new PowerLossDisk(folder);
    this.fullFlag = `${this.profile.folder}-is-full`;
    const environment = this.disk.environment({ hasJournal: true, fullFlag: this.fullFlag });
    this.profile.environment = {
      ...environment,
      ...this.clock.variables,
      LD_PRELOAD: `${environment['LD_PRELOAD'] ?? ''}:${this.clock.library}`,
    };
  }

  static async start(
    stage: TabletStage,
    rng: Rng,
    options: TabletOptions,
    book = new TabletBook(),
  ): Promise<Tablet> {
    const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: stage.gateway.port }) });
    const tablet = new Tablet(stage, rng, proxy, options, book);
    await tablet.profile.start();
    return tablet;
  }

  goOffline(): void {
    this.proxy.setMode({ kind: 'refuse' });
    this.proxy.cut();
  }

  goOnline(): void {
    this.proxy.setMode({ kind: 'pass' });
  }

  /** Opens a tab that is connected. */
  async openTab(): Promise<Page> {
    const page = await this.profile.newPage();
    await page.exposeFunction('reportSaved', (lane: string, numbers: readonly number[]) =>
      this.book.saved(lane, numbers),
    );
    await page.exposeFunction('reportRefused', (lane: string, number: number, code: string) =>
      this.book.refused(lane, number, code),
    );
    await page.goto(this.#stage.server.origin);
    await this.connect(page);
    this.pages.push(page);
    return page;
  }

  /** Connects the page of a tab, which was loaded just now. */
  async connect(page: Page): Promise<void> {
    await page.waitForFunction('globalThis.loadPage');
    await page.evaluate(
      async (settings) => {
        await globalThis.loadPage.connect(settings);
      },
      {
        gateway: `http://127.0.0.1:${this.proxy.port}`,
        token: this.#stage.token,
        transport: 'socket' as const,
        ...this.#options,
      },
    );
  }

  /** Has a tab send until it is told to stop, or dies. */
  async load(page: Page, queue: string): Promise<void> {
    const lane = `${this.rng.below(2 ** 30).toString(36)}-${++this.#lanes}`;
    this.book.open(lane, queue);
    await page.evaluate(([name, own]) => globalThis.loadPage.start(name, own), [queue, lane] as const);
  }

  /** Resolves at an instant of chance after so many more were saved. */
  async untilSaved(queue: string, atLeast: number): Promise<void> {
    const wanted = this.book.savedIn(queue) + atLeast + this.rng.below(atLeast);
    await until(() => this.book.savedIn(queue) >= wanted, {
      withinMs: CONNECTED_WITHIN_MS,
      what: `${wanted} are saved in ${queue}`,
    });
    await pause(this.rng.next() * 30);
  }

  async stopLoad(): Promise<void> {
    await Promise.all(this.pages.map((page) => page.evaluate(() => globalThis.loadPage.stop())));
  }

  statusOf(page: Page): Promise<StatusSnapshot> {
    return page.evaluate(() => globalThis.loadPage.status());
  }

  /** Starts the browser again, with one tab. */
  async startAgain(): Promise<Page> {
    this.pages.length = 0;
    await this.profile.start();
    return this.openTab();
  }

  /** Faults are off: ends the load, waits until everything has arrived, and compares. */
  async drainAndCheck(queue: string, mayLack?: (key: string) => boolean): Promise<readonly string[]> {
    await this.drain();
    return this.book.check(queue, await this.#stage.bodiesIn(queue), mayLack);
  }

  /** Ends the load, and waits until nothing is pending. */
  async drain(): Promise<void> {
    await this.stopLoad();
    const [page] = this.pages;
    if (page === undefined) throw new Error('no tab is open');
    // Most of the time the browser notices that the network is back; else the SDK's own backoff has to do.
    if (this.rng.chance(0.8)) await page.evaluate(() => void globalThis.dispatchEvent(new Event('online')));
    await until(async () => (await this.statusOf(page)).pending === 0, {
      withinMs: DRAINED_WITHIN_MS,
      what: 'nothing is pending once the faults are off',
    }).catch(async (error: unknown) => {
      throw new Error(`stuck: ${JSON.stringify(await this.statusOf(page))}`, { cause: error });
    });
  }

  /** A second tablet that is a copy of this one, which is not running; what it saves goes into the same book. */
  async clone(): Promise<Tablet> {
    const proxy = await startTcpProxy({
      target: () => ({ host: '127.0.0.1', port: this.#stage.gateway.port }),
    });
    const copy = new Tablet(
      this.#stage,
      this.rng.fork(`clone ${this.#lanes}`),
      proxy,
      this.#options,
      this.book,
    );
    copy.profile.restore(this.profile);
    copy.profile.environment = process.env;
    return copy;
  }

  async dispose(): Promise<void> {
    await this.profile.dispose();
    await this.proxy.close();
    this.disk.dispose();
    this.clock.dispose();
  }
}

/** As Chromium calls it. */
export function databaseName(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${protocol.slice(0, -1)}_${hostname}_${port}.indexeddb.leveldb`;
}
