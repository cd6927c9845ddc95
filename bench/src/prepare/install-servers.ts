import { spawnSync } from 'node:child_process';
import type { QueueContestant } from '../queues/queue-contestant.ts';
import { findProgram } from '../queues/servers/find-program.ts';

/**
 * Installs with apt-get the queue servers that are missing. Where that cannot be done, says so: the others are measured all
 * the same.
 */
export function installServers(contestants: readonly QueueContestant[], say: (what: string) => void): void {
  const missing = contestants.flatMap(({ needs }) =>
    needs === undefined || findProgram(needs) !== undefined ? [] : [needs.debianPackage],
  );
  if (missing.length === 0) return;
  const packages = [...new Set(missing)];
  say(`installing ${packages.join(' ')}`);
  const problem = aptGet(['update']) ?? aptGet(['install', '--yes', '--no-install-recommends', ...packages]);
  if (problem !== undefined) say(`${packages.join(' ')} could not be installed: ${problem}`);
}

/** What went wrong; undefined when nothing did. */
function aptGet(args: readonly string[]): string | undefined {
  const prefix = process.getuid?.() === 0 ? [] : ['sudo', '--non-interactive'];
  const [program = '', ...rest] = [
    ...prefix,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-qq',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...args,
  ];
  const { status, stderr, error } = spawnSync(program, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
