import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const tailBytesMax = 8_192;

export interface ChildOptions {
  /** For people. */
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where its standard output goes; without it, nowhere. */
  readonly logFile?: string;
  /** Called with each piece of its standard error. */
  readonly onError?: (text: string) => void;
}

/** One of the servers, as a process of its own. */
export interface Child {
  readonly name: string;
  /** Resolves when it ended, with what to tell a person. */
  readonly ended: Promise<{ readonly code: number | null; readonly lastWords: string }>;
  /** Asks it to stop, once; after `graceMs` it is ended. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a TypeScript program of this repository. It gets a process group of its own: Ctrl-C reaches this process alone,
 * which then stops the servers one after the other, each of them asked once.
 */
export function startChild(options: ChildOptions): Child {
  const log = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'w', 0o600);
  const child = spawn(
    process.execPath,
    [
      '--conditions=@fieldpost/source',
      '--disable-warning=ExperimentalWarning',
      options.script,
      ...options.args,
    ],
    { cwd: options.cwd, env: options.env, stdio: ['ignore', log, 'pipe'], detached: true },
  );
  if (typeof log === 'number') closeSync(log);
  let tail = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    tail = (tail + text).slice(-tailBytesMax);
    options.onError?.(text);
  });
  const ended = new Promise<{ code: number | null; lastWords: string }>((resolve) => {
    child.once('error', (error) => resolve({ code: null, lastWords: error.message }));
    child.once('close', (code) => resolve({ code, lastWords: tail.trim() }));
  });
  return { name: options.name, ended, stop: (graceMs) => stop(child, ended, graceMs) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}
