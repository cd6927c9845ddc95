import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramNeed, QueueContestant } from '../queue-contestant.ts';

const nodeModules = join(import.meta.dirname, '../../../node_modules');

/** The path of a program that is needed, the highest version of it; undefined when it is not installed. */
export function findProgram({ paths }: ProgramNeed): string | undefined {
  for (const path of paths) {
    if (!path.includes('*') && existsSync(path)) return path;
    const found = path.includes('*') ? globSync(path) : [];
    const highest = found.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    if (highest !== undefined) return highest;
  }
  return undefined;
}

/** @throws Error naming the package that has it */
export function requireProgram(need: ProgramNeed): string {
  const program = findProgram(need);
  if (program === undefined) throw new Error(`${need.debianPackage} is not installed`);
  return program;
}

/** Why a contestant cannot take part on this machine; undefined when it can. */
export function whyAbsent({ needs, packages }: QueueContestant): string | undefined {
  const missing = packages.find((name) => !existsSync(join(nodeModules, name)));
  if (missing !== undefined) return `the npm package ${missing} is not installed`;
  if (needs === undefined || findProgram(needs) !== undefined) return undefined;
  return `${needs.debianPackage} is not installed; \`npm run bench:queues -- --install\` does that`;
}
