import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, type Rng } from '@fieldpost/protocol';
import { afterAll } from 'vitest';
import { fuzz } from './fuzz.ts';
import { hostileJson, hostileText, mutatedText } from './hostile-values.ts';
import { loadConfig, type SettingKey, SETTINGS } from './internals.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldpost-fuzz-'));
const file = join(folder, 'settings.json');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD: Readonly<Record<string, string>> = Object.assign(
  Object.fromEntries(SETTINGS.map(({ key, defaultText }) => [key, defaultText])),
  {
    port: '4100',
    tokenSecret: '0123456789abcdef0123456789abcdef',
    origins: 'https://app.example',
    host: '127.0.0.1',
  },
);
const KEYS = SETTINGS.map(({ key }) => key);
const VARIABLES = SETTINGS.map(({ variable }) => variable);

interface Given {
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** The file's text, when there is one. */
  readonly file?: string;
}

fuzz(
  () => ({
    name: 'configuration',
    draw: (rng) => JSON.stringify(draw(rng)),
    feed: (input) => {
      // Written by `draw`.
      const given = JSON.parse(input) as Given;
      if (given.file !== undefined) writeFileSync(file, given.file);
      try {
        const config = loadConfig({
          flags: given.flags,
          environment: given.environment,
          folder,
          ...(given.file === undefined ? {} : { file }),
        });
        assert.ok(config.port >= 0 && config.port <= 65_535);
        assert.ok(['development', 'secret', 'jwks'].includes(config.tokens.type));
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        assert.equal(error.code, 'invalid-configuration');
        const secret = given.environment['FIELDPOST_TOKEN_SECRET'];
        assert.ok(secret === undefined || !error.message.includes(secret), 'a secret is shown');
      }
    },
  }),
  'configuration',
);

function draw(rng: Rng): Given {
  const value = (key: SettingKey): string => {
    const good = GOOD[key] ?? '';
    return rng.chance(0.4) ? good : rng.chance(0.5) ? mutatedText(good, rng) : hostileText(rng);
  };
  const some = <Name extends string>(names: readonly Name[]): Name[] => names.filter(() => rng.chance(0.2));
  const flags = Object.fromEntries(some(KEYS).map((key) => [key, value(key)]));
  const environment = Object.fromEntries(
    some(VARIABLES).map((name) => [
      name,
      value(SETTINGS.find(({ variable }) => variable === name)?.key ?? 'host'),
    ]),
  );
  // A secret of a few characters stands in any text.
  if ((environment['FIELDPOST_TOKEN_SECRET'] ?? 'x'.repeat(12)).length < 12)
    delete environment['FIELDPOST_TOKEN_SECRET'];
  if (rng.chance(0.05)) environment[`FIELDPOST_${rng.below(100)}`] = 'x';
  if (!rng.chance(0.2)) return { flags, environment };
  const text = JSON.stringify(hostileJson(rng, KEYS)) ?? '';
  return { flags, environment, file: rng.chance(0.7) ? text : mutatedText(text, rng) };
}
