import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigSources, type GatewayConfig, loadConfig } from './load-config.ts';
import { SETTING_SCHEMAS, SETTINGS } from './settings.ts';

const SECRET = '0123456789abcdef0123456789abcdef';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('defaults', () => {
  test('without any configuration: development mode on this machine', () => {
    expect(load()).toEqual({
      host: '127.0.0.1',
      port: 4100,
      dataDir: join(folder, '.fieldpost'),
      tokens: { type: 'development' },
      origins: ['http://127.0.0.1:*', 'http://localhost:*'],
      createQueues: true,
      connectionsMax: 10_000,
      connectionsPerSubjectMax: 1_000,
      producerIdRetentionMs: 604_800_000,
      epochRetentionMs: 15_552_000_000,
      fateRetentionMs: 2_592_000_000,
      logLevel: 'info',
      stopTimeoutMs: 10_000,
    });
  });

  test('with a secret nothing of development mode is left', () => {
    expect(load({ FIELDPOST_TOKEN_SECRET: SECRET })).toMatchObject({
      tokens: { type: 'secret', secret: SECRET },
      origins: [],
      createQueues: false,
    });
  });
});

describe('where settings come from', () => {
  test('a flag beats the environment, the environment the file, the file the default', () => {
    writeFile({ port: 1, host: 'localhost', logLevel: 'warn', stopTimeoutMs: 5 });
    const config = load({ FIELDPOST_PORT: '2', FIELDPOST_LOG_LEVEL: 'error' }, { flags: { port: '3' } });
    expect(config).toMatchObject({ port: 3, logLevel: 'error', host: 'localhost', stopTimeoutMs: 5 });
  });

  test('a named file takes the place of the usual one, and has to be there', () => {
    writeFile({ port: 1 });
    writeFile({ port: 2 }, 'other.json');
    writeFile({ port: 3 }, 'third.json');
    expect(load({ FIELDPOST_CONFIG: 'other.json' }).port).toBe(2);
    expect(load({ FIELDPOST_CONFIG: 'other.json' }, { file: 'third.json' }).port).toBe(3);
    expect(() => load({}, { file: 'missing.json' })).toThrow(/missing\.json cannot be read/);
  });

  test('texts of the environment and values of the file mean the same', () => {
    const fromText = load({
      FIELDPOST_ORIGINS: 'https://a.example, http://b.example:*',
      FIELDPOST_CREATE_QUEUES: 'false',
      FIELDPOST_DATA_DIR: 'data',
    });
    writeFile({ origins: ['https://a.example', 'http://b.example:*'], createQueues: false, dataDir: 'data' });
    expect(load()).toEqual(fromText);
  });
});

describe('what is refused names the setting, its value, and where it came from', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    [
      'a port that is none',
      { FIELDPOST_PORT: '70000' },
      /port is "70000" \(from environment variable FIELDPOST_PORT\): must be at most 65535/,
    ],
    ['a port with a fraction', { FIELDPOST_PORT: '1.5' }, /port is "1.5"/],
    ['an empty port', { FIELDPOST_PORT: '' }, /port is ""/],
    [
      'a level that is none',
      { FIELDPOST_LOG_LEVEL: 'loud' },
      /logLevel is "loud".*must be one of debug, info/,
    ],
    [
      'an origin with a path',
      { FIELDPOST_ORIGINS: 'https://a.example/app' },
      /origins is "https:\/\/a\.example\/app"/,
    ],
    [
      'yes instead of true',
      { FIELDPOST_CREATE_QUEUES: 'yes' },
      /createQueues is "yes".*must be true or false/,
    ],
    [
      'keys over plain HTTP from elsewhere',
      { FIELDPOST_TOKEN_JWKS: 'http://keys.example/jwks' },
      /tokenJwks is .*must be a file/,
    ],
    [
      'a variable that is no setting',
      { FIELDPOST_PROT: '1' },
      /FIELDPOST_PROT is no setting; known are .*FIELDPOST_PORT/,
    ],
    [
      'two ways to check tokens',
      { FIELDPOST_TOKEN_SECRET: SECRET, FIELDPOST_TOKEN_JWKS: 'a.json' },
      /both given.*FIELDPOST_TOKEN_SECRET.*FIELDPOST_TOKEN_JWKS/,
    ],
    [
      'development mode for everybody',
      { FIELDPOST_HOST: '0.0.0.0' },
      /host is "0\.0\.0\.0" \(from environment variable FIELDPOST_HOST\)/,
    ],
    [
      'queues that make themselves in production',
      { FIELDPOST_TOKEN_SECRET: SECRET, FIELDPOST_CREATE_QUEUES: 'true' },
      /createQueues is true/,
    ],
  ])('%s', (_, environment, message) => {
    expect(() => load(environment)).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringMatching(message) }),
    );
  });

  test.each<[string, string, RegExp]>([
    ['an unknown key', '{"prot":1}', /prot \(from file fieldpost\.config\.json\) is no setting/],
    ['a wrong kind', '{"port":true}', /port is true \(from file fieldpost\.config\.json\)/],
    ['no JSON', '{port:1}', /file fieldpost\.config\.json cannot be read as JSON/],
    ['no object', '[1]', /file fieldpost\.config\.json has to hold one JSON object/],
  ])('in the file: %s', (_, text, message) => {
    writeFileSync(join(folder, 'fieldpost.config.json'), text);
    expect(() => load()).toThrow(message);
  });

  test('a secret is not shown', () => {
    expect(() => load({ FIELDPOST_TOKEN_SECRET: 'my short secret' })).toThrow(
      /tokenSecret is \(hidden\).*at least 32 bytes/,
    );
    expect(() => load({ FIELDPOST_TOKEN_SECRET: 'my short secret' })).not.toThrow(/my short secret/);
  });
});

test('what commands that call a gateway read from the environment does not stop a start', () => {
  expect(() => load({ FIELDPOST_URL: 'https://gateway.example', FIELDPOST_TOKEN: 'x' })).not.toThrow();
});

test('the guide lists every setting as the code has it, and has a section for each', () => {
  const guide = readFileSync(new URL('../../../../docs/guides/gateway-settings.md', import.meta.url), 'utf8');
  const rows = guide.split('\n').filter((line) => /^\| `\w+` \|/.test(line));
  const expected = SETTINGS.map(({ key, variable, flag, defaultText }) => {
    const flagText = flag === undefined ? '' : ` \`${flag.replaceAll('|', String.raw`\|`)}\``;
    return `| \`${key}\` | \`${variable}\` |${flagText} | ${defaultText} |`;
  });
  expect(rows).toEqual(expected);
  expect(SETTINGS.map(({ key }) => key).toSorted()).toEqual(Object.keys(SETTING_SCHEMAS).toSorted());
  const headings = guide
    .split('\n')
    .filter((line) => line.startsWith('## '))
    .join(' ');
  for (const { key } of SETTINGS) expect(headings).toContain(key);
});

function load(environment: Record<string, string> = {}, more: Partial<ConfigSources> = {}): GatewayConfig {
  return loadConfig({ flags: {}, environment, folder, ...more });
}

function writeFile(values: unknown, name = 'fieldpost.config.json'): void {
  writeFileSync(join(folder, name), JSON.stringify(values));
}
