import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { CHROMIUM_ARGUMENTS } from './chromium.ts';
import { programPath } from './engine.ts';

/** A Chromium of one's own with a profile on disk: its processes are one group, so that a kill takes all of them. */
export function spawnChromium(
  profile: string,
  url: string,
  environment: NodeJS.ProcessEnv = process.env,
): ChildProcessByStdio<null, null, Readable> {
  return spawn(
    programPath('chromium'),
    [
      ...CHROMIUM_ARGUMENTS,
      '--headless',
      '--disable-gpu',
      '--disable-breakpad',
      '--disable-dev-shm-usage',
      '--no-default-browser-check',
      '--password-store=basic',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      url,
    ],
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'], env: environment },
  );
}
