import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Installs with apt-get what the tests need beyond npm, and nothing that is there already.

interface Need {
  readonly debianPackage: string;
  readonly present: () => boolean;
}

const needs: readonly Need[] = [
  { debianPackage: 'chromium', present: () => onPath('chromium') },
  { debianPackage: 'firefox-esr', present: () => onPath('firefox-esr') },
  { debianPackage: 'webkit2gtk-driver', present: () => onPath('WebKitWebDriver') },
  { debianPackage: 'xvfb', present: () => onPath('Xvfb') },
  { debianPackage: 'gcc', present: () => onPath('gcc') },
  { debianPackage: 'libc6-dev', present: () => existsSync('/usr/include/stdio.h') },
  { debianPackage: 'python3', present: () => onPath('python3') },
];

const missing = needs.filter(({ present }) => !present()).map(({ debianPackage }) => debianPackage);
const found = needs.length - missing.length;

if (missing.length === 0) {
  console.log(`setup: nothing to do, all ${needs.length} are present: ${list(needs)}`);
} else {
  const prefix = privileges();
  console.log(`setup: ${found} present, installing ${missing.join(' ')}`);
  aptGet(prefix, ['update']);
  aptGet(prefix, ['install', '--yes', '--no-install-recommends', ...missing]);
  const stillMissing = needs.filter(({ present }) => !present());
  if (stillMissing.length > 0)
    fail(`apt-get reported success, but these are not found: ${list(stillMissing)}`);
  console.log(`setup: installed ${missing.join(' ')}`);
}

/** What to put before apt-get so that it may install. */
function privileges(): readonly string[] {
  if (!onPath('apt-get')) {
    fail(
      `this needs ${missing.join(', ')}, and there is no apt-get. Install them with your system's own tool.`,
    );
  }
  if (process.getuid?.() === 0) return [];
  if (onPath('sudo')) return process.stdin.isTTY ? ['sudo'] : ['sudo', '--non-interactive'];
  return fail(`this needs ${missing.join(', ')}. Run as root: apt-get install ${missing.join(' ')}`);
}

function aptGet(prefix: readonly string[], args: readonly string[]): void {
  // dpkg would ask for a terminal of its own, which a container may not have.
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  const words = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options, ...args];
  const [command = '', ...rest] = words;
  const { status, error } = spawnSync(command, rest, { stdio: ['inherit', 'inherit', 'inherit'] });
  if (status !== 0) fail(`"${words.join(' ')}" failed${error === undefined ? '' : `: ${error.message}`}`);
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function list(of: readonly Need[]): string {
  return of.map(({ debianPackage }) => debianPackage).join(', ');
}

function fail(reason: string): never {
  console.error(`setup: ${reason}`);
  process.exit(1);
}
