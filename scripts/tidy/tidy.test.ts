import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rules, type SourceFile } from './rules.ts';

const repository = join(import.meta.dirname, '../..');

describe('the repository', () => {
  const files = textFiles();

  test.each(rules)('$name', ({ check }) => {
    expect(files.flatMap((file) => check(file))).toEqual([]);
  });
});

describe('the rules catch', () => {
  test.each<{ what: string; path: string; text: string; says: RegExp }>([
    {
      what: 'an async function in core',
      path: 'packages/sdk/src/core/a.ts',
      text: 'export async function a() {}\n',
      says: /a\.ts:1: core is synchronous/,
    },
    {
      what: 'an await in core',
      path: 'packages/gateway/src/core/a.ts',
      text: 'const a = 1;\nexport const b = await a;\n',
      says: /a\.ts:2: core is synchronous/,
    },
    {
      what: 'a port that computes',
      path: 'packages/sdk/src/ports/a.ts',
      text: 'export interface A {}\nexport const b = 1;\n',
      says: /a\.ts:2: a port is types only/,
    },
    {
      what: 'a port that imports an adapter',
      path: 'packages/sdk/src/ports/a.ts',
      text: "import { b } from '../adapters/b.ts';\n",
      says: /ports\/ may not import adapters\//,
    },
    {
      what: 'an adapter that re-exports the shell',
      path: 'packages/sdk/src/adapters/deep/a.ts',
      text: "export { b } from '../../shell/b.ts';\n",
      says: /adapters\/ may not import shell\//,
    },
    {
      what: 'an import by path across packages',
      path: 'packages/sdk/src/client.ts',
      text: "import { b } from '../../gateway/src/b.ts';\n",
      says: /leaves the package/,
    },
    {
      what: 'a long file',
      path: 'packages/sdk/src/a.ts',
      text: '\n'.repeat(501),
      says: /501 lines, at most 500/,
    },
    { what: 'a vague name', path: 'packages/sdk/src/queue-utils.ts', text: '', says: /"utils" says nothing/ },
    {
      what: 'a path of one machine',
      path: 'docs/a.md',
      text: 'See\n`/tmp/fieldpost.log`\n',
      says: /a\.md:2: a path of one machine/,
    },
  ])('$what', ({ path, text, says }) => {
    expect(rules.flatMap(({ check }) => check({ path, text })).join('\n')).toMatch(says);
  });
});

describe('the rules allow', () => {
  test.each<{ what: string; path: string; text: string }>([
    {
      what: 'async in an adapter that imports its port',
      path: 'packages/sdk/src/adapters/a.ts',
      text: "import type { B } from '../ports/b.ts';\nexport async function a(b: B) {}\n",
    },
    {
      what: 'an entry that joins shell and adapters',
      path: 'packages/sdk/src/client.ts',
      text: "import { a } from './shell/a.ts';\nimport { b } from './adapters/b.ts';\n",
    },
    {
      what: 'core and a port that name the types of each other',
      path: 'packages/sdk/src/ports/a.ts',
      text: "import type { B } from '../core/b.ts';\nexport type { B };\nexport type A = B;\n",
    },
    { what: 'a web address with such a folder', path: 'docs/a.md', text: 'https://example.com/home/a\n' },
  ])('$what', ({ path, text }) => {
    expect(rules.flatMap(({ check }) => check({ path, text }))).toEqual([]);
  });
});

/** Whatever git tracks or would track, so that a new file is judged before it is committed. */
function textFiles(): SourceFile[] {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
    encoding: 'utf8',
  });
  return listing
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(repository, path)))
    .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}
