export { AjvBodySchemas } from './adapters/ajv-body-schemas.ts';
export { CelConditions } from './adapters/cel-conditions.ts';
export { createCryptoDigest } from './adapters/crypto-digest.ts';
export { createCryptoEntropy } from './adapters/crypto-entropy.ts';
export { createJoseAuthenticator, type TokenKeys } from './adapters/jose-authenticator.ts';
export { createJoseTokenMinter } from './adapters/jose-token-minter.ts';
export {
  type NodeServer,
  type NodeServerOptions,
  type NodeServerPorts,
  startNodeServer,
} from './adapters/node-server.ts';
export { createPinoLogger, LOG_LEVELS, type LogLevel } from './adapters/pino-logger.ts';
export { openPostgresStore, type PostgresStoreOptions } from './adapters/postgres/postgres-store.ts';
export { openSqliteStore, type SqliteStoreOptions } from './adapters/sqlite/sqlite-store.ts';
export { createSystemClock } from './adapters/system-clock.ts';
export { StoreError } from './core/store-error.ts';
export { createGateway, type Gateway, type GatewayPorts, type GatewaySettings } from './create-gateway.ts';
export type { Authenticator, Grants, Permission, Principal } from './ports/authenticator.ts';
export type { Clock } from './ports/clock.ts';
export type { BodyCheck, BodySchemas } from './ports/body-schemas.ts';
export type { ArrivingMessage, Condition, Conditions } from './ports/conditions.ts';
export type { Digest } from './ports/digest.ts';
export type { Entropy } from './ports/entropy.ts';
export type { Failpoint, Failpoints } from './ports/failpoints.ts';
export type { AcceptConnection, FrameReceiver, FrameSocket } from './ports/frame-socket.ts';
export type { GatewayStore } from './ports/gateway-store.ts';
export type { LogFields, Logger } from './ports/logger.ts';
export type { TokenClaims, TokenMinter } from './ports/token-minter.ts';
