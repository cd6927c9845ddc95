import { type Engine, programPath } from './engine.ts';

/** Debian's Firefox ESR, by WebDriver BiDi. */
export const firefoxEngine: Engine = {
  name: 'firefox',
  start: async () => {
    const { launch } = await import('puppeteer-core');
    const browser = await launch({
      browser: 'firefox',
      executablePath: programPath('firefox-esr'),
      headless: true,
      protocol: 'webDriverBiDi',
    });
    const page = await browser.newPage();
    return {
      open: async (url) => {
        await page.goto(url);
      },
      stop: () => browser.close(),
    };
  },
};
