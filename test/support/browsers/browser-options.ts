import { defineBrowserProvider } from '@vitest/browser';
import type { BrowserConfigOptions } from 'vitest/node';
import { chromiumEngine } from './chromium.ts';
import type { Engine, RunningEngine } from './engine.ts';
import { firefoxEngine } from './firefox.ts';
import { webkitEngine } from './webkit.ts';

const engines: readonly Engine[] = [chromiumEngine, firefoxEngine, webkitEngine];

const provider = defineBrowserProvider({
  name: 'fieldpost-browsers',
  supportedBrowser: engines.map(({ name }) => name),
  providerFactory: (project) => {
    const engine = engines.find(({ name }) => name === project.config.browser.name);
    let running: Promise<RunningEngine> | undefined;
    return {
      name: 'fieldpost-browsers',
      supportsParallelism: false,
      getCommandsContext: () => ({}),
      openPage: async (_session, url) => {
        running ??= engine?.start();
        await (await running)?.open(url);
      },
      close: async () => {
        const started = running;
        running = undefined;
        await (await started)?.stop();
      },
    };
  },
});

/** Runs every browser test in all three engines, in one run. */
export const browserOptions: BrowserConfigOptions = {
  enabled: true,
  headless: true,
  screenshotFailures: false,
  provider,
  instances: engines.map(({ name }) => ({ browser: name })),
  commands: {
    // The page asks for its size before the first test. None of these tests draws anything.
    __vitest_viewport: () => undefined,
  },
};
