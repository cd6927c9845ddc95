import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

/** What a command said, and how it ended. */
export interface CommandResult {
  readonly output: string;
  /** Undefined when it was ended because it took too long. */
  readonly code: number | undefined;
}

const TIMEOUT_MS = 10 * 60_000;
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** Runs a Node program of a source copy. */
export function runNode(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...words], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      NO_COLOR: '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const take = (chunk: Buffer): void => {
    if (output.length < OUTPUT_CHARACTERS_MAX) output += chunk.toString('utf8');
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ output, code: code ?? undefined }));
  });
}

/** The first lines of a long text that say something. */
export function beginningOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.slice(0, 3).join(' · ').slice(0, 300);
}
