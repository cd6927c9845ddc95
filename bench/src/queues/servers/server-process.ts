import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What it prints when it is ready. */
  readonly ready: RegExp;
  /** The account to run under, when the bench runs as root and the server refuses to. */
  readonly account?: Account;
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface ServerProcess {
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const running = new Set<number>();

// Whoever interrupts the bench leaves no server behind: each leads a process group of its own.
process.on('exit', () => {
  for (const pid of running) killGroup(pid, 'SIGKILL');
});

/** Starts a server and resolves when it says that it is ready. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const { program, args, environment, ready, account } = command;
  const child = spawn(program, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...environment },
    ...account,
  });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).then(() => {
    if (pid !== undefined) running.delete(pid);
  });
  let said = '';
  const isReady = new Promise<true>((resolve) => {
    const hear = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
      if (ready.test(said)) resolve(true);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', (error) => (said += String(error)));
  });
  const stop = async (): Promise<void> => {
    if (pid === undefined) return;
    killGroup(pid, command.stopSignal ?? 'SIGTERM');
    const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), stopTimeoutMs);
    await exited;
    clearTimeout(timer);
    killGroup(pid, 'SIGKILL');
  };
  const started = await Promise.race([isReady, exited, after(startTimeoutMs)]);
  if (started === true) return { stop };
  await stop();
  throw new Error(`${program} did not start: ${said}`);
}

/** Runs a program to its end, as the given account. */
export function runProgram(program: string, args: readonly string[], account?: Account): void {
  const { status, stderr, stdout } = spawnSync(program, args, {
    cwd: '/',
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8' },
    ...account,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}${stdout}`);
}

/** For programs that refuse to run as root: the account `nobody` when the bench does, and the bench's own otherwise. */
export function accountForServers(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: '-u' | '-g'): number =>
    Number(spawnSync('id', [option, 'nobody'], { encoding: 'utf8' }).stdout.trim());
  return { uid: id('-u'), gid: id('-g') };
}

/** A folder that the account may use, although others' folders are closed to it. */
export function folderFor(account: Account | undefined): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'fieldpost-bench-server-'));
  if (account !== undefined) chownSync(path, account.uid, account.gid);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

async function after(delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, delayMs).unref();
  });
}
