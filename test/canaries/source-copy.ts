import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Edit } from './canary.ts';

const REPOSITORY = join(import.meta.dirname, '../..');
const COPIED = [
  'packages',
  'test',
  'examples',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'vitest.config.ts',
];
const LEFT_OUT = new Set(['node_modules', 'dist', '.turbo', 'coverage']);

/** An edit whose place is not there exactly once. */
export class StaleEdit extends Error {
  override readonly name = 'StaleEdit';
}

/** The source in a folder of its own, where bugs can be planted. What it depends on is linked, its own packages are copied. */
export class SourceCopy {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'fieldpost-canary-'));
    for (const name of COPIED)
      cpSync(join(REPOSITORY, name), join(this.folder, name), {
        recursive: true,
        filter: (from) => !LEFT_OUT.has(basename(from)),
      });
    this.#linkModules();
  }

  /** Plants the edits, lets `work` look, and takes them back. */
  async withEdits<Result>(edits: readonly Edit[], work: () => Promise<Result>): Promise<Result> {
    const before = new Map<string, string>();
    try {
      for (const edit of edits) {
        const file = join(this.folder, edit.module);
        const text = readFileSync(file, 'utf8');
        if (!before.has(file)) before.set(file, text);
        writeFileSync(file, applyEdit(text, edit));
      }
      return await work();
    } finally {
      for (const [file, text] of before) writeFileSync(file, text);
    }
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Every dependency as it is installed, except that the names of the own packages lead to their copies. */
  #linkModules(): void {
    const installed = join(REPOSITORY, 'node_modules');
    const linked = join(this.folder, 'node_modules');
    mkdirSync(join(linked, '@fieldpost'), { recursive: true });
    for (const name of readdirSync(installed)) {
      // Caches are written to, so each copy begins with its own.
      if (name !== '@fieldpost' && !name.startsWith('.vite'))
        symlinkSync(join(installed, name), join(linked, name));
    }
    for (const name of readdirSync(join(this.folder, 'packages')))
      symlinkSync(join(this.folder, 'packages', name), join(linked, '@fieldpost', name));
    symlinkSync(join(this.folder, 'test'), join(linked, '@fieldpost/test'));
  }
}

/** @throws StaleEdit when the place is not there exactly once */
export function applyEdit(text: string, { module, find, replace }: Edit): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new StaleEdit(`${module} has this ${places} times, not once: ${find}`);
  return text.replace(find, () => replace);
}

/** The text of a module as it is in the repository. */
export function readModule(module: string): string {
  return readFileSync(join(REPOSITORY, module), 'utf8');
}
