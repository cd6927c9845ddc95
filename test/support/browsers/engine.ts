import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A real browser of this machine, for vitest to run tests in. */
export interface Engine {
  readonly name: 'chromium' | 'firefox' | 'webkit';
  start(): Promise<RunningEngine>;
}

export interface RunningEngine {
  /** Opens the page in a tab, in place of the one before. */
  open(url: string): Promise<void>;
  stop(): Promise<void>;
}

/** The program's full path. */
export function programPath(program: string): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${program} is not installed: run npm run setup`);
}
