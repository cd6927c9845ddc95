import { mkdirSync } from 'node:fs';
import { LIMITS } from '@fieldpost/protocol';
import { openAdminSocket } from './adapters/admin-socket.ts';
import { AjvBodySchemas } from './adapters/ajv-body-schemas.ts';
import { CelConditions } from './adapters/cel-conditions.ts';
import { createCryptoDigest } from './adapters/crypto-digest.ts';
import { createCryptoEntropy } from './adapters/crypto-entropy.ts';
import { developmentSecret } from './adapters/development-secret.ts';
import { createJoseAuthenticator, type TokenKeys } from './adapters/jose-authenticator.ts';
import { createJoseTokenMinter } from './adapters/jose-token-minter.ts';
import { startNodeServer } from './adapters/node-server.ts';
import { createPromMetrics } from './adapters/prom-metrics.ts';
import { rememberTokens } from './adapters/remember-tokens.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import type { GatewayConfig } from './config/load-config.ts';
import { createGateway } from './create-gateway.ts';
import { openStore } from './open-store.ts';
import type { Failpoints } from './ports/failpoints.ts';
import type { Logger } from './ports/logger.ts';
import type { TokenMinter } from './ports/token-minter.ts';
import { GATEWAY_VERSION } from './version.ts';

export interface StartOptions {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  /** Given by tests only. */
  readonly failpoints?: Failpoints;
  /** Called when the store failed: the process has to end. */
  readonly onStoreFailure: (error: unknown) => void;
}

/** A gateway that listens. */
export interface RunningGateway {
  readonly url: string;
  /** In development mode: makes tokens. */
  readonly tokenMinter: TokenMinter | undefined;
  /** Takes nothing new, answers what was taken, closes the store. Resolves to false when that took too long. */
  stop(): Promise<boolean>;
}

/**
 * Starts a gateway of a configuration: store, tokens, HTTP and WebSockets on one port.
 *
 * @throws CodedError `port-in-use`, `store-locked`, `storage-unsafe`, `schema-too-new`, `invalid-configuration`
 */
export async function startGateway(options: StartOptions): Promise<RunningGateway> {
  const { config, logger } = options;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const { keys, tokenMinter } = tokensOf(config);
  const authenticator = rememberTokens(await createJoseAuthenticator(keys));
  const opened = await openStore(config, { logger, onFailure: options.onStoreFailure });
  const { store, peers } = opened;
  const clock = createSystemClock();
  const ports = {
    store,
    ...(peers === undefined ? {} : { peers }),
    clock,
    entropy: createCryptoEntropy(),
    digest: createCryptoDigest(),
    conditions: new CelConditions(),
    schemas: new AjvBodySchemas(),
    logger,
    metrics: createPromMetrics({ isForProcess: true }),
    authenticator,
    ...(tokenMinter === undefined ? {} : { tokenMinter }),
    ...(options.failpoints === undefined ? {} : { failpoints: options.failpoints }),
  };
  const gateway = createGateway(ports, {
    version: GATEWAY_VERSION,
    origins: config.origins,
    onStoreFailure: options.onStoreFailure,
    producerIdRetentionMs: config.producerIdRetentionMs,
    epochRetentionMs: config.epochRetentionMs,
    fateRetentionMs: config.fateRetentionMs,
    ...(config.createQueues ? { createQueue: { maxBodyBytes: LIMITS.bodyBytesDefault } } : {}),
  });
  await gateway.start();
  const server = await startNodeServer(config, { ...gateway, authenticator, clock, logger }).catch(
    async (error: unknown) => {
      await gateway.stop();
      await opened.close();
      throw error;
    },
  );
  const admin = await openAdminSocket(config.dataDir, { backup: (file) => store.backup(file) }, logger);
  logger.info({ url: server.url, version: GATEWAY_VERSION, mode: config.tokens.type }, 'listening');
  const finish = async (): Promise<boolean> => {
    server.refuse();
    await admin.close();
    await gateway.stop();
    await server.answered();
    await server.close();
    await opened.close();
    return true;
  };
  return {
    url: server.url,
    tokenMinter,
    stop: () => Promise.race([finish(), timeUp(config.stopTimeoutMs)]),
  };
}

function tokensOf({ tokens, dataDir }: GatewayConfig): {
  keys: TokenKeys;
  tokenMinter: TokenMinter | undefined;
} {
  switch (tokens.type) {
    case 'development': {
      const secret = developmentSecret(dataDir);
      return { keys: { type: 'secret', secret }, tokenMinter: createJoseTokenMinter(secret) };
    }
    case 'secret':
      return {
        keys: { type: 'secret', secret: new TextEncoder().encode(tokens.secret) },
        tokenMinter: undefined,
      };
    case 'jwks':
      return { keys: { type: 'jwks', location: tokens.location }, tokenMinter: undefined };
  }
}

function timeUp(milliseconds: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), milliseconds).unref();
  });
}
