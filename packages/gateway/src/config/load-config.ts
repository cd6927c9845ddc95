import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { type Setting, SETTING_SCHEMAS, type SettingKey, SETTINGS, type SettingValues } from './settings.ts';

/** Where settings come from, strongest first: flags, environment, file, defaults. */
export interface ConfigSources {
  /** By key, as texts. */
  readonly flags: Readonly<Partial<Record<SettingKey, string>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The file that `--config` or FIELDPOST_CONFIG names. */
  readonly file?: string;
  /** Where relative names start, and where `fieldpost.config.json` is looked for. */
  readonly folder: string;
}

/** The whole configuration, checked. */
export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Of the store in PostgreSQL; it is SQLite in the data folder when absent. */
  readonly databaseUrl?: string;
  /** How tokens are checked. `development`: by a secret that the gateway makes for itself in its data folder. */
  readonly tokens:
    | { readonly type: 'development' }
    | { readonly type: 'secret'; readonly secret: string }
    | { readonly type: 'jwks'; readonly location: string };
  readonly origins: readonly string[];
  readonly createQueues: boolean;
  readonly connectionsMax: number;
  readonly connectionsPerSubjectMax: number;
  readonly producerIdRetentionMs: number;
  readonly epochRetentionMs: number;
  readonly fateRetentionMs: number;
  readonly logLevel: NonNullable<SettingValues['logLevel']>;
  readonly stopTimeoutMs: number;
}

/** The file that is read when it is there and no other is named. */
const CONFIG_FILE = 'fieldpost.config.json';
/** Names another file. */
const CONFIG_FILE_VARIABLE = 'FIELDPOST_CONFIG';
/** What commands that call a running gateway read: no settings, and no mistake beside them. */
const CLIENT_VARIABLES = ['FIELDPOST_URL', 'FIELDPOST_TOKEN'];

const DEVELOPMENT_ORIGINS = ['http://127.0.0.1:*', 'http://localhost:*'];

/**
 * Reads and checks the configuration.
 *
 * @throws ConfigError which names the setting, its value, and where it came from
 */
export function loadConfig(sources: ConfigSources): GatewayConfig {
  refuseUnknownVariables(sources.environment);
  const file = readConfigFile(sources);
  const values: Record<string, unknown> = {};
  const origins = new Map<SettingKey, string>();
  for (const setting of SETTINGS) {
    const given = findValue(setting, sources, file);
    if (given === undefined) continue;
    values[setting.key] = check(setting, given);
    origins.set(setting.key, given.from);
  }
  return complete(values, origins, sources.folder);
}

interface GivenValue {
  readonly value: unknown;
  /** For people: which flag, variable or file. */
  readonly from: string;
}

interface ConfigFile {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

function findValue(
  setting: Setting,
  sources: ConfigSources,
  file: ConfigFile | undefined,
): GivenValue | undefined {
  const flag = sources.flags[setting.key];
  if (flag !== undefined) return { value: flag, from: `flag ${setting.flag?.split(' ')[0] ?? ''}` };
  const variable = sources.environment[setting.variable];
  if (variable !== undefined) return { value: variable, from: `environment variable ${setting.variable}` };
  if (file === undefined || !Object.hasOwn(file.values, setting.key)) return undefined;
  return { value: file.values[setting.key], from: `file ${file.name}` };
}

function check(setting: Setting, given: GivenValue): unknown {
  const parsed = SETTING_SCHEMAS[setting.key].safeParse(given.value);
  if (parsed.success) return parsed.data;
  const shown = setting.isSecret ? '(hidden)' : JSON.stringify(given.value);
  const [issue] = parsed.error.issues;
  throw new ConfigError(`${setting.key} is ${shown} (from ${given.from}): ${issue?.message ?? 'not valid'}`);
}

function complete(
  values: SettingValues,
  from: ReadonlyMap<SettingKey, string>,
  folder: string,
): GatewayConfig {
  const tokens = tokensOf(values, from);
  const isDevelopment = tokens.type === 'development';
  const host = values.host ?? '127.0.0.1';
  if (isDevelopment && !isLoopback(host)) {
    throw new ConfigError(
      `host is ${JSON.stringify(host)} (from ${from.get('host') ?? 'default'}): without tokenSecret or tokenJwks the gateway ` +
        'hands tokens to everybody who asks, so it listens on 127.0.0.1, ::1 or localhost only',
    );
  }
  if (values.createQueues === true && !isDevelopment) {
    throw new ConfigError(
      `createQueues is true (from ${from.get('createQueues') ?? 'default'}): queues make themselves in development mode only; ` +
        'make them with PUT /v1/queues/{queue}',
    );
  }
  return {
    host,
    port: values.port ?? 4100,
    dataDir: resolve(folder, values.dataDir ?? '.fieldpost'),
    ...(values.databaseUrl === undefined ? {} : { databaseUrl: values.databaseUrl }),
    tokens,
    origins: values.origins ?? (isDevelopment ? DEVELOPMENT_ORIGINS : []),
    createQueues: values.createQueues ?? isDevelopment,
    connectionsMax: values.connectionsMax ?? 10_000,
    connectionsPerSubjectMax: values.connectionsPerSubjectMax ?? 1_000,
    producerIdRetentionMs: values.producerIdRetentionMs ?? 7 * 24 * 3_600_000,
    epochRetentionMs: values.epochRetentionMs ?? 180 * 24 * 3_600_000,
    fateRetentionMs: values.fateRetentionMs ?? 30 * 24 * 3_600_000,
    logLevel: values.logLevel ?? 'info',
    stopTimeoutMs: values.stopTimeoutMs ?? 10_000,
  };
}

function tokensOf(values: SettingValues, from: ReadonlyMap<SettingKey, string>): GatewayConfig['tokens'] {
  const { tokenSecret, tokenJwks } = values;
  if (tokenSecret !== undefined && tokenJwks !== undefined) {
    const places = `${from.get('tokenSecret') ?? ''} and ${from.get('tokenJwks') ?? ''}`;
    throw new ConfigError(
      `tokenSecret and tokenJwks are both given (from ${places}): tokens are checked in one way; drop one`,
    );
  }
  if (tokenSecret !== undefined) return { type: 'secret', secret: tokenSecret };
  if (tokenJwks !== undefined) return { type: 'jwks', location: tokenJwks };
  return { type: 'development' };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function refuseUnknownVariables(environment: ConfigSources['environment']): void {
  const known = new Set<string>([CONFIG_FILE_VARIABLE, ...SETTINGS.map(({ variable }) => variable)]);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('FIELDPOST_') || known.has(name) || CLIENT_VARIABLES.includes(name)) continue;
    throw new ConfigError(`environment variable ${name} is no setting; known are ${[...known].join(', ')}`);
  }
}

function readConfigFile(sources: ConfigSources): ConfigFile | undefined {
  const named = sources.file ?? sources.environment[CONFIG_FILE_VARIABLE];
  const path = resolve(sources.folder, named ?? CONFIG_FILE);
  if (named === undefined && !existsSync(path)) return undefined;
  const name = named ?? CONFIG_FILE;
  const values = parseFile(path, name);
  const known = new Set<string>(SETTINGS.map(({ key }) => key));
  for (const key of Object.keys(values)) {
    if (!known.has(key))
      throw new ConfigError(`${key} (from file ${name}) is no setting; known are ${[...known].join(', ')}`);
  }
  return { name, values };
}

function parseFile(path: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(
      `file ${name} cannot be read as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  if (!parsed.success) throw new ConfigError(`file ${name} has to hold one JSON object`);
  return parsed.data;
}
