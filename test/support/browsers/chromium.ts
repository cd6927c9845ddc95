import { type Engine, programPath } from './engine.ts';

/** No network of its own making, and no sandbox, which the system's administrator cannot have. */
export const CHROMIUM_ARGUMENTS: readonly string[] = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium. */
export const chromiumEngine: Engine = {
  name: 'chromium',
  start: async () => {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({
      executablePath: programPath('chromium'),
      args: [...CHROMIUM_ARGUMENTS],
    });
    const context = await browser.newContext();
    const page = await context.newPage();
    return {
      open: async (url) => {
        await page.goto(url);
      },
      stop: () => browser.close(),
    };
  },
};
