import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSite } from '@fieldpost/demo-app/build/ensure-site.ts';
import { BOOKS_FILE } from '@fieldpost/demo-app/server/books.ts';
import { type DemoServer, startDemoServer } from '@fieldpost/demo-app/server/start-demo-server.ts';
import { viewBooks } from '@fieldpost/demo-app/server/view-books.ts';
import type { BooksView } from '@fieldpost/demo-app/src/office/office-snapshot.ts';
import Database from 'better-sqlite3';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM_ARGUMENTS } from '../support/browsers/chromium.ts';
import { programPath } from '../support/browsers/engine.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

export async function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: programPath('chromium'), args: [...CHROMIUM_ARGUMENTS] });
}

/** A gateway, the demo's server and a folder for the books, all real, on ports of their own. */
export class DemoStage {
  readonly gateway: GatewayProcess;
  readonly #folder: string;
  readonly #siteDir: string;
  #server: DemoServer | undefined;
  #port = 0;

  private constructor(gateway: GatewayProcess, folder: string, siteDir: string) {
    this.gateway = gateway;
    this.#folder = folder;
    this.#siteDir = siteDir;
  }

  static async open(): Promise<DemoStage> {
    const { folder: built } = await ensureSite();
    const folder = mkdtempSync(join(tmpdir(), 'fieldpost-demo-'));
    const siteDir = join(folder, 'site');
    cpSync(built, siteDir, { recursive: true });
    const stage = new DemoStage(await startGatewayProcess(), folder, siteDir);
    await stage.startServer();
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The built pages, as this stage serves them from its next start on. */
  get siteDir(): string {
    return this.#siteDir;
  }

  /** Starts the demo's server: on a free port, and on the same one ever after. */
  async startServer(): Promise<void> {
    this.#server = await startDemoServer({
      port: this.#port,
      gateway: this.gateway.url,
      dataDir: this.#folder,
      siteDir: this.#siteDir,
      onProblem: () => undefined,
    });
    this.#port = Number(new URL(this.#server.url).port);
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** What the books say, read from their file. */
  books(): BooksView {
    return readBooks(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer();
    await this.gateway.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Reads the books from their file, without disturbing who writes them. */
export function readBooks(dataDir: string): BooksView {
  const database = new Database(join(dataDir, BOOKS_FILE), { readonly: true });
  try {
    return viewBooks(database, 1_000);
  } finally {
    database.close();
  }
}

/** A rep's browser: a profile of its own, kept over reloads. Hears of everything that a page complains about. */
export class RepBrowser {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly url: string;
  /** Errors of the page, and everything that its policy forbade. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context;
    this.page = page;
    this.url = url;
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // Offline, every failed request is reported; those are what these tests are about.
      if (
        message.type() === 'error' &&
        !/net::ERR_|Failed to fetch|WebSocket connection/.test(message.text())
      )
        this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, url: string): Promise<RepBrowser> {
    const context = await browser.newContext({ viewport: { width: 1024, height: 768 } });
    return new RepBrowser(context, await context.newPage(), url);
  }

  /** Signs in, and waits until the app works offline from now on. */
  async signIn(name: string): Promise<void> {
    await this.page.goto(this.url);
    await this.page.getByRole('button', { name }).click();
    await this.page.getByRole('heading', { name: /Good to see you/ }).waitFor();
    await this.page.evaluate(async () => {
      const { serviceWorker } = navigator;
      await serviceWorker.ready;
      if (serviceWorker.controller !== null) return;
      await new Promise<void>((resolve) => {
        serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true });
      });
    });
  }

  /** Takes an order through the pages and saves it; gives its id. */
  async takeOrder(customer: string, products: readonly string[]): Promise<string> {
    const { page } = this;
    await page.getByRole('link', { name: 'Orders', exact: true }).click();
    await page
      .getByRole('link', { name: /New order|Take the first order/ })
      .first()
      .click();
    await page.getByRole('searchbox', { name: /Search customers/ }).fill(customer);
    await page.getByRole('button', { name: customer }).first().click();
    for (const product of products) {
      await page.getByRole('searchbox', { name: 'Search products' }).fill(product);
      await page.getByRole('button', { name: `Add ${product}`, exact: true }).click();
    }
    await page.getByRole('button', { name: 'Save order' }).click();
    await page.waitForURL(/\/orders\/[\w-]+$/);
    return new URL(page.url()).pathname.split('/').at(-1) ?? '';
  }

  /** Waits until the list shows the order in this state. */
  async waitForState(orderId: string, state: string): Promise<void> {
    await this.page.locator(`a[data-order="${orderId}"]`, { hasText: state }).waitFor();
  }

  /** Waits until the badge in the corner says this. */
  async waitForBadge(text: string | RegExp): Promise<void> {
    await this.page.locator('header output').filter({ hasText: text }).waitFor();
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
