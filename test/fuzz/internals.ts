// What bad input reaches first inside the packages, without the machinery around it: not exported, since nobody else needs it.

export {
  checksumOf,
  type MessageColumns,
  storedMessage,
} from '../../packages/gateway/src/adapters/sqlite/operations/stored-message.ts';
export { createJoseAuthenticator } from '../../packages/gateway/src/adapters/jose-authenticator.ts';
export { loadConfig } from '../../packages/gateway/src/config/load-config.ts';
export { type SettingKey, SETTINGS } from '../../packages/gateway/src/config/settings.ts';
export * as sampleFrames from '../../packages/gateway/src/testing/sample-frames.ts';
export { createTestGateway, type TestGateway } from '../../packages/gateway/src/testing/test-gateway.ts';
export * as records from '../../packages/sdk/src/adapters/indexeddb/record.ts';
export { parseSegmentKey } from '../../packages/sdk/src/adapters/indexeddb/segment-key.ts';
export { crc32 } from '../../packages/sdk/src/adapters/indexeddb/checksum.ts';
