import { LIMITS } from '@fieldpost/protocol';
import { AjvBodySchemas } from '../adapters/ajv-body-schemas.ts';
import { CelConditions } from '../adapters/cel-conditions.ts';
import { createCryptoDigest } from '../adapters/crypto-digest.ts';
import { createCryptoEntropy } from '../adapters/crypto-entropy.ts';
import { createJoseAuthenticator } from '../adapters/jose-authenticator.ts';
import { createJoseTokenMinter } from '../adapters/jose-token-minter.ts';
import { createMemoryDisk } from '../adapters/memory/memory-disk.ts';
import { openMemoryStore } from '../adapters/memory/memory-store.ts';
import { createPromMetrics } from '../adapters/prom-metrics.ts';
import { createGateway, type Gateway } from '../create-gateway.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import type { LogFields } from '../ports/logger.ts';
import { ManualClock } from './manual-clock.ts';
import { deviceId } from './sample-frames.ts';

/** A line of the log. */
interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export interface TestGatewayOptions {
  /** Whether `POST /v1/dev/token` and first-use creation of queues are on. Default false. */
  readonly isDevelopment?: boolean;
  /** How long ids of producers are remembered, in milliseconds; for ever by default. */
  readonly producerIdRetentionMs?: number;
  /** How long closed epochs are kept, in milliseconds. */
  readonly epochRetentionMs?: number;
  /** What is being read and not committed of all callers together, in bytes. */
  readonly inputBytesMax?: number;
  /** Called when the store has leased messages, before the gateway knows. */
  readonly afterReceive?: () => void;
}

const SECRET = new TextEncoder().encode('0123456789abcdef0123456789abcdef');

/** A whole gateway in memory, with a clock of its own and no network round it. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly store: GatewayStore;
  readonly clock: ManualClock;
  readonly log: LogLine[];
  /** What was told of the store's failure. */
  readonly failures: unknown[];
  /** A token, for everything and an hour unless told otherwise. */
  token(claims?: Partial<TestClaims>): Promise<string>;
  /** Calls an address with a token for everything and a JSON body. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<TestAnswer>;
}

interface TestClaims {
  readonly subject: string;
  readonly send: readonly string[];
  readonly receive: readonly string[];
  readonly manage: readonly string[];
  readonly expiresAt: number;
}

/** An answer, read: `text` as it came, `json` parsed where it is JSON. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

/** Puts a gateway together as `startGateway` does, in memory. */
export async function createTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = new ManualClock(1_800_000_000_000);
  const store: GatewayStore = openMemoryStore(createMemoryDisk(deviceId(99) as never));
  const leaseInStore = store.receive.bind(store);
  store.receive = async (request) => {
    const messages = await leaseInStore(request);
    options.afterReceive?.();
    return messages;
  };
  const log: LogLine[] = [];
  const failures: unknown[] = [];
  const write =
    (level: string) =>
    (fields: LogFields, message: string): number =>
      log.push({ level, fields, message });
  const tokenMinter = createJoseTokenMinter(SECRET);
  const ports = {
    store,
    clock,
    entropy: createCryptoEntropy(),
    digest: createCryptoDigest(),
    conditions: new CelConditions(),
    schemas: new AjvBodySchemas(),
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    metrics: createPromMetrics(),
    authenticator: await createJoseAuthenticator({ type: 'secret', secret: SECRET }),
  };
  const isDevelopment = options.isDevelopment === true;
  const gateway = createGateway(isDevelopment ? { ...ports, tokenMinter } : ports, {
    version: '0.0.0',
    origins: ['https://app.example'],
    onStoreFailure: (error) => failures.push(error),
    ...(options.producerIdRetentionMs === undefined
      ? {}
      : { producerIdRetentionMs: options.producerIdRetentionMs }),
    ...(options.epochRetentionMs === undefined ? {} : { epochRetentionMs: options.epochRetentionMs }),
    ...(options.inputBytesMax === undefined ? {} : { inputBytesMax: options.inputBytesMax }),
    ...(isDevelopment ? { createQueue: { maxBodyBytes: LIMITS.bodyBytesDefault } } : {}),
  });
  const token = (claims: Partial<TestClaims> = {}): Promise<string> => {
    const { subject = 'rep', send = ['*'], receive = ['*'], manage = ['*'] } = claims;
    const expiresAt = claims.expiresAt ?? clock.now() + 3_600_000;
    return tokenMinter.mint({ subject, grants: { send, receive, manage }, expiresAt });
  };
  return {
    gateway,
    store,
    clock,
    log,
    failures,
    token,
    async call(method, path, body, headers = {}, signal) {
      const hasAuthorization = 'authorization' in headers;
      const init: RequestInit = {
        method,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          ...(hasAuthorization ? {} : { authorization: `Bearer ${await token()}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      };
      return readAnswer(await gateway.fetch(new Request(`http://gateway.test${path}`, init)));
    },
  };
}

async function readAnswer(response: Response): Promise<TestAnswer> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const json: unknown = isJson ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}
