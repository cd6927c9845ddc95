import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Pool } from 'pg';
import { type PostgresPrograms, postgresPrograms } from './postgres-programs.ts';

const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 30_000;

/**
 * A real PostgreSQL with data of its own, reached by a socket file: nothing listens on the network. Its settings are the
 * ones it is shipped with, so a commit is on disk when it returns.
 */
export class PostgresServer {
  readonly #programs: PostgresPrograms = postgresPrograms();
  readonly #folder: string;
  readonly #log: string[] = [];
  #process: ChildProcessByStdio<null, null, Readable> | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'fieldpost-pg-'));
    const server = new PostgresServer(folder);
    server.#initialise();
    await server.start();
    return server;
  }

  /** What a client connects to. */
  get url(): string {
    return `postgres://fieldpost@localhost/postgres?host=${encodeURIComponent(this.#folder)}`;
  }

  /** Starts it again after a stop. */
  async start(): Promise<void> {
    const { postgres, account } = this.#programs;
    const server = spawn(
      postgres,
      ['-D', this.#data, '-k', this.#folder, '-c', 'listen_addresses=', '-c', 'logging_collector=off'],
      { ...account, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = server;
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: server.stderr }).on('line', (line) => {
        this.#log.push(line);
        if (line.includes('ready to accept connections')) resolve();
      });
      server.once('error', reject);
      server.once('exit', () => reject(new Error(`PostgreSQL ended:\n${this.#log.join('\n')}`)));
      AbortSignal.timeout(STARTS_WITHIN_MS).addEventListener('abort', () =>
        reject(new Error(`PostgreSQL did not start:\n${this.#log.join('\n')}`)),
      );
    });
    await ready;
  }

  /** A pool of connections of its own; end it before the server stops. */
  connect(): Pool {
    return new Pool({ connectionString: this.url });
  }

  /** Ends it: `fast` disconnects everybody and shuts down, `immediate` is a crash that it recovers from when started. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = once(server, 'exit', { signal: AbortSignal.timeout(STOPS_WITHIN_MS) });
    server.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await gone;
  }

  async dispose(): Promise<void> {
    await this.stop('immediate');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  #initialise(): void {
    const { initdb, account } = this.#programs;
    mkdirSync(this.#data);
    if (account !== undefined) {
      chownSync(this.#folder, account.uid, account.gid);
      chownSync(this.#data, account.uid, account.gid);
    }
    chmodSync(this.#data, 0o700);
    execFileSync(
      initdb,
      [
        '-D',
        this.#data,
        '--username=fieldpost',
        '--auth=trust',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...account, stdio: ['ignore', 'ignore', 'pipe'] },
    );
  }
}
