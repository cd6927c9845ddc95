import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RowBook } from './measure/row-book.ts';
import type { Sizes } from './sizes.ts';

/** What every scenario gets. */
export interface BenchContext {
  readonly sizes: Sizes;
  readonly seed: number;
  readonly book: RowBook;
  /** Says to the person before the screen what goes on. */
  readonly say: (what: string) => void;
  /** A folder on the disk that is measured. */
  readonly folder: string;
}

/** Gives `work` an empty folder and removes it afterwards. */
export async function inFolder<T>(context: BenchContext, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(context.folder, 'run-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
