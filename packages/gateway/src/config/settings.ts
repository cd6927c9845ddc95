import { z } from 'zod';
import { LOG_LEVELS } from '../adapters/pino-logger.ts';
import { isOriginPattern } from '../http/origins.ts';

/**
 * Every setting of the gateway, in one table: `docs/guides/gateway-settings.md` repeats it, and a test holds the two
 * together. A value is a text where it comes from a flag or the environment, and JSON where it comes from the file.
 */
export interface Setting {
  /** Its key in `fieldpost.config.json`. */
  readonly key: SettingKey;
  readonly variable: `FIELDPOST_${string}`;
  /** Absent for secrets: a command line is readable by everybody on the machine. */
  readonly flag?: string;
  readonly description: string;
  /** As the docs show it. */
  readonly defaultText: string;
  /** Never shown, not even in an error. */
  readonly isSecret?: true;
}

const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
    z
      .int(`must be a whole number from ${min} to ${max}`)
      .min(min, `must be at least ${min}`)
      .max(max, `must be at most ${max}`),
  );

const yesOrNo = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean('must be true or false'),
);

const text = z.string('must be a text').min(1, 'must not be empty');

const originList = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== '')
      : value,
  z.array(
    z.string().refine(isOriginPattern, 'each must be like https://app.example, http://localhost:* or *'),
    'must be a list of origins',
  ),
);

/** What each setting may be. */
export const SETTING_SCHEMAS = {
  host: text,
  port: wholeNumber(0, 65_535),
  dataDir: text,
  databaseUrl: text.refine((value) => /^postgres(?:ql)?:\/\//.test(value), 'must begin with postgres://'),
  tokenSecret: text.refine((value) => Buffer.byteLength(value) >= 32, 'must have at least 32 bytes'),
  tokenJwks: text.refine(
    isKeySetLocation,
    'must be a file, an https:// URL, or an http:// URL on this machine',
  ),
  origins: originList,
  createQueues: yesOrNo,
  connectionsMax: wholeNumber(1, 1_000_000),
  connectionsPerSubjectMax: wholeNumber(1, 1_000_000),
  producerIdRetentionMs: wholeNumber(60_000, 10 * 365 * 24 * 3_600_000),
  epochRetentionMs: wholeNumber(24 * 3_600_000, 100 * 365 * 24 * 3_600_000),
  fateRetentionMs: wholeNumber(60_000, 10 * 365 * 24 * 3_600_000),
  logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
  stopTimeoutMs: wholeNumber(0, 600_000),
} as const;

export type SettingKey = keyof typeof SETTING_SCHEMAS;

export type SettingValues = { readonly [Key in SettingKey]?: z.infer<(typeof SETTING_SCHEMAS)[Key]> };

export const SETTINGS: readonly Setting[] = [
  {
    key: 'host',
    variable: 'FIELDPOST_HOST',
    flag: '--host <address>',
    description:
      'The address to listen on. Without a configured key for tokens, only addresses of this machine.',
    defaultText: '127.0.0.1',
  },
  {
    key: 'port',
    variable: 'FIELDPOST_PORT',
    flag: '--port <number>',
    description: 'The port to listen on; 0 takes a free one.',
    defaultText: '4100',
  },
  {
    key: 'dataDir',
    variable: 'FIELDPOST_DATA_DIR',
    flag: '--data-dir <folder>',
    description: 'The folder of the store. One running gateway to a folder.',
    defaultText: '.fieldpost',
  },
  {
    key: 'databaseUrl',
    variable: 'FIELDPOST_DATABASE_URL',
    description:
      'The PostgreSQL database of the store, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; any number of gateways share it.',
    defaultText: 'none: SQLite in the data folder',
    isSecret: true,
  },
  {
    key: 'tokenSecret',
    variable: 'FIELDPOST_TOKEN_SECRET',
    description: 'The secret that HS256 tokens are signed with, at least 32 bytes.',
    defaultText: 'none: development mode',
    isSecret: true,
  },
  {
    key: 'tokenJwks',
    variable: 'FIELDPOST_TOKEN_JWKS',
    flag: '--token-jwks <location>',
    description:
      'A file or URL with the public keys (JSON Web Key Set) that ES256 and EdDSA tokens are checked with.',
    defaultText: 'none',
  },
  {
    key: 'origins',
    variable: 'FIELDPOST_ORIGINS',
    flag: '--origins <list>',
    description:
      'Origins whose pages may call, over HTTP and WebSockets alike, with commas between; `:*` stands for any port.',
    defaultText: 'none; in development mode `http://127.0.0.1:*,http://localhost:*`',
  },
  {
    key: 'createQueues',
    variable: 'FIELDPOST_CREATE_QUEUES',
    flag: '--create-queues <true|false>',
    description: 'Whether the first message to an unknown queue makes it. Development mode only.',
    defaultText: 'false; in development mode true',
  },
  {
    key: 'connectionsMax',
    variable: 'FIELDPOST_CONNECTIONS_MAX',
    flag: '--connections-max <number>',
    description: 'How many devices may be connected at once; more are told to come again later.',
    defaultText: '10000',
  },
  {
    key: 'connectionsPerSubjectMax',
    variable: 'FIELDPOST_CONNECTIONS_PER_SUBJECT_MAX',
    flag: '--connections-per-subject-max <number>',
    description: 'How many of them may be of one subject, which is the `sub` of their tokens.',
    defaultText: '1000',
  },
  {
    key: 'producerIdRetentionMs',
    variable: 'FIELDPOST_PRODUCER_ID_RETENTION_MS',
    flag: '--producer-id-retention-ms <milliseconds>',
    description:
      'How long the id of a message that a server sent is remembered, so that a repetition is no second message.',
    defaultText: '604800000',
  },
  {
    key: 'epochRetentionMs',
    variable: 'FIELDPOST_EPOCH_RETENTION_MS',
    flag: '--epoch-retention-ms <milliseconds>',
    description:
      "How long what was taken of a start of a device's program is remembered after the device has closed it; a device that was off for " +
      'longer sets what it still holds of it aside.',
    defaultText: '15552000000',
  },
  {
    key: 'fateRetentionMs',
    variable: 'FIELDPOST_FATE_RETENTION_MS',
    flag: '--fate-retention-ms <milliseconds>',
    description:
      'How long what became of a message is kept for the device that sent it and asked, and that does not come to hear it.',
    defaultText: '2592000000',
  },
  {
    key: 'logLevel',
    variable: 'FIELDPOST_LOG_LEVEL',
    flag: '--log-level <level>',
    description: 'How much is logged: debug, info, warn, error or silent.',
    defaultText: 'info',
  },
  {
    key: 'stopTimeoutMs',
    variable: 'FIELDPOST_STOP_TIMEOUT_MS',
    flag: '--stop-timeout-ms <milliseconds>',
    description: 'How long a stopping gateway waits for what is under way before it ends all the same.',
    defaultText: '10000',
  },
];

function isKeySetLocation(location: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return true;
  return (
    location.startsWith('https://') ||
    /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?\//.test(location)
  );
}
