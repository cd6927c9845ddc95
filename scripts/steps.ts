// What `npm run verify` and `npm test` do, in order. To add a step, add a line.

export interface Step {
  readonly name: string;
  readonly command: string;
  /** `verify` runs the first kind only; `npm test` runs both. */
  readonly part: 'verify' | 'beyond';
  /** Where vitest leaves its counts; a step without them counts as one check. */
  readonly report?: string;
}

export const steps: readonly Step[] = [
  check('format', 'oxfmt --check'),
  check('lint', 'oxlint'),
  check('types', turbo('typecheck')),
  vitest('unit', 'verify'),
  check('build', turbo('build')),
  check('packages', turbo('check:package')),
  check('size', 'size-limit'),
  check('unused', 'knip'),
  vitest('simulation', 'beyond'),
  vitest('wire', 'beyond'),
  {
    name: 'canaries',
    command: 'node --conditions=@fieldpost/source test/canaries/main.ts',
    part: 'beyond',
  },
  vitest('browser', 'beyond'),
  vitest('hazards', 'beyond'),
  vitest('e2e', 'beyond'),
  vitest('chaos', 'beyond'),
  vitest('bench', 'beyond'),
];

function check(name: string, command: string): Step {
  return { name, command, part: 'verify' };
}

function turbo(task: string): string {
  return `turbo run ${task} --output-logs=errors-only --log-prefix=task --no-update-notifier`;
}

function vitest(project: string, part: Step['part']): Step {
  const report = `.reports/${project}.json`;
  const reporters = `--reporter=default --reporter=json --outputFile.json=${report}`;
  return { name: project, command: `vitest run --project=${project} ${reporters}`, part, report };
}
