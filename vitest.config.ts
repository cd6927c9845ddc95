import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { browserOptions } from './test/support/browsers/browser-options.ts';

// Setting `conditions` replaces the defaults, so they are spelled out after ours.
const source = '@fieldpost/source';

// `module` is for bundlers: what it leads to need not run in Node, whose own conditions these become.
const serverConditions = defaultServerConditions.filter((condition) => condition !== 'module');

// Files of these kinds need more than a plain Node process, so each has its own project.
const notUnit = [
  '**/*.browser.test.ts',
  'test/{wire,e2e,chaos,browser,simulation}/**',
  '**/{node_modules,dist}/**',
];

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...serverConditions] } },
  test: {
    maxWorkers: 2,
    // Many tests start real processes, and two of them share two cores: slow is no failure, stuck is.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/{src,build,server}/**/*.test.{ts,tsx}',
            'test/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
          exclude: notUnit,
        },
      },
      {
        extends: true,
        test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], fileParallelism: false },
      },
      {
        extends: true,
        test: { name: 'wire', include: ['test/wire/**/*.test.ts'] },
      },
      {
        extends: true,
        test: { name: 'bench', include: ['bench/src/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          // Most of a cycle is waiting for processes to start: a few of them share the cores well.
          maxConcurrency: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'hazards',
          include: ['test/browser/hazards/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/**/*.browser.test.ts'], browser: browserOptions },
      },
    ],
  },
});
