import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createJoseTokenMinter } from '@fieldpost/gateway';

/** How a gateway under test is started. */
export interface GatewayProcessOptions {
  /** Where its data goes; a fresh temporary folder, removed at the end, when absent. */
  readonly dataDir?: string;
  /** 0, the default, takes a free one at the first start and keeps it at every restart. */
  readonly port?: number;
  /** More settings, such as `FIELDPOST_ORIGINS`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Development mode: no configured secret, queues make themselves. The default. */
  readonly mode?: 'development' | 'secret';
  /** Where the process kills itself, such as `push-committed:3`; for the first start only. */
  readonly failpoint?: string;
}

/** What a token of {@link GatewayProcess.token} allows; everything for what is not said. */
export interface TokenRequest {
  readonly subject?: string;
  readonly send?: readonly string[];
  readonly receive?: readonly string[];
  readonly manage?: readonly string[];
  readonly expiresInMs?: number;
}

/** The secret of a gateway that is started with `mode: 'secret'`. */
export const TEST_SECRET = 'a secret for tests, never for anything else';

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 20_000;
const MAIN = fileURLToPath(import.meta.resolve('@fieldpost/gateway/testing').replace('index.ts', 'main.ts'));

/** A real gateway in a process of its own: started, killed, stopped and restarted on the same port and data. */
export class GatewayProcess {
  readonly dataDir: string;
  /** Lines of its log since the last start, as it wrote them. */
  readonly log: string[] = [];
  readonly #options: GatewayProcessOptions;
  readonly #ownsDataDir: boolean;
  #port: number;
  #child: ChildProcess | undefined;
  #isDisposed = false;
  #exited: Promise<number | string> = Promise.resolve(0);

  constructor(options: GatewayProcessOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#ownsDataDir = options.dataDir === undefined;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'fieldpost-gateway-'));
  }

  /** Where it listens; known from the first start on. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Settles when the process has ended: with its exit code, or the name of the signal that ended it. */
  get exited(): Promise<number | string> {
    return this.#exited;
  }

  /** Starts it and waits until it listens. Fails with its output when it ends instead. */
  start(failpoint: string | undefined = this.#options.failpoint): Promise<this> {
    return this.#launch(failpoint);
  }

  async #launch(failpoint: string | undefined): Promise<this> {
    // A test that ran out of time goes on behind its end: it must not leave a process behind.
    if (this.#isDisposed) throw new Error('this gateway has been disposed of');
    this.log.length = 0;
    const child = spawn(process.execPath, ['--conditions=@fieldpost/source', MAIN], {
      cwd: this.dataDir,
      env: this.#environment(failpoint),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = once(child, 'exit').then(
      ([code, signal]: (number | string)[]) => code ?? signal ?? 'unknown',
    );
    const lines = createInterface({ input: child.stdout });
    createInterface({ input: child.stderr }).on('line', (line) => this.log.push(line));
    const listening = new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        this.log.push(line);
        const url = /"url":"([^"]+)".*"msg":"listening"/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
    });
    const url = await within(READY_WITHIN_MS, 'the gateway listens', [
      listening,
      this.#exited.then((code) => {
        throw new Error(`the gateway ended with ${code} instead of listening:\n${this.log.join('\n')}`);
      }),
    ]);
    this.#port = Number(new URL(url).port);
    return this;
  }

  /** Ends it as a power switch would, without a chance to write anything more. */
  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await within(STOP_WITHIN_MS, 'the killed gateway is gone', [this.#exited]);
    this.#child = undefined;
  }

  /** Asks it to stop and waits until it has; resolves with its exit code. */
  async stop(): Promise<number | string> {
    this.#child?.kill('SIGTERM');
    const code = await within(STOP_WITHIN_MS, 'the stopped gateway is gone', [this.#exited]);
    this.#child = undefined;
    return code;
  }

  /** Starts it again on the same port and data, after a kill, a stop or a failpoint. */
  async restart(): Promise<this> {
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null)
      await this.stop();
    return this.#launch(undefined);
  }

  /** A token for it; in development mode asked of the gateway, which has to run. */
  async token(request: TokenRequest = {}): Promise<string> {
    const {
      subject = 'rep',
      send = ['*'],
      receive = ['*'],
      manage = ['*'],
      expiresInMs = 3_600_000,
    } = request;
    if (this.#options.mode === 'secret') {
      const minter = createJoseTokenMinter(new TextEncoder().encode(TEST_SECRET));
      return minter.mint({ subject, grants: { send, receive, manage }, expiresAt: Date.now() + expiresInMs });
    }
    const response = await fetch(`${this.url}/v1/dev/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        sub: subject,
        send,
        receive,
        manage,
        expiresInSeconds: Math.ceil(expiresInMs / 1000),
      }),
    });
    const answer: unknown = await response.json();
    if (
      typeof answer !== 'object' ||
      answer === null ||
      !('token' in answer) ||
      typeof answer.token !== 'string'
    ) {
      throw new Error(`no token: ${JSON.stringify(answer)}`);
    }
    return answer.token;
  }

  /** Ends it, whatever it does, and removes its temporary folder. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    if (this.#child !== undefined) await this.kill9();
    if (this.#ownsDataDir) rmSync(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #environment(failpoint: string | undefined): NodeJS.ProcessEnv {
    // Settings of the surroundings must not reach a gateway under test.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FIELDPOST_'));
    return {
      ...Object.fromEntries(inherited),
      FIELDPOST_PORT: String(this.#port),
      FIELDPOST_DATA_DIR: this.dataDir,
      ...(this.#options.mode === 'secret' ? { FIELDPOST_TOKEN_SECRET: TEST_SECRET } : {}),
      ...(failpoint === undefined ? {} : { FIELDPOST_FAILPOINT: failpoint }),
      ...this.#options.environment,
    };
  }
}

/** Starts a gateway under test. */
export async function startGatewayProcess(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(options);
  try {
    return await gateway.start();
  } catch (error) {
    await gateway.dispose();
    throw error;
  }
}

/** The first of the outcomes, or a failure that says what did not happen in time. */
async function within<Outcome>(
  milliseconds: number,
  what: string,
  outcomes: readonly Promise<Outcome>[],
): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([...outcomes, late]);
  } finally {
    clearTimeout(timer);
  }
}
