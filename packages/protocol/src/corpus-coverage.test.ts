import { expect, test } from 'vitest';
import { validCases } from '../scripts/corpus.ts';
import { FRAME_CODES } from './frame-codes.ts';
import { downFrame } from './frames/down.ts';
import { upFrame } from './frames/up.ts';
import { propertiesSchema } from './message.ts';

// The corpus is all that a device in another language has to test its codec with: what no case shows, nobody tests.

test('every field of every frame stands in a valid case, and every optional one is absent in another', () => {
  const needed = new Set([
    ...pathsOf(upFrame, ''),
    ...pathsOf(downFrame, ''),
    ...pathsOf(propertiesSchema, 'message'),
  ]);
  // Guards the walk itself: a schema that it did not see into would need nothing.
  expect([...needed]).toEqual(
    expect.arrayContaining([
      'hello.takesOver.nonce',
      'push.runs[].lost.generation',
      'push.runs[].lost.generation is absent',
      'push.runs[].again=true',
      'ack.streams[].lost[].last',
      'welcome.streams[].stall.code',
      'fenced.reason=cloned',
      'message.ack=full',
    ]),
  );
  const shown = new Set<string>();
  for (const { kind, value } of validCases) {
    if (kind === 'up' || kind === 'down') addShown(shown, value, value.type);
    if (kind === 'message') addShown(shown, value.properties, 'message');
  }
  expect([...needed].filter((path) => !isShown(path, shown))).toEqual([]);
});

test.each(Object.entries(FRAME_CODES))('every code of %s stands in a valid case', (place, codes) => {
  const shown = new Set(validCases.flatMap(({ value }) => codesIn(value, place)));
  expect(codes.filter((code) => !shown.has(code))).toEqual([]);
});

/** What the walk looks at of a schema. A schema made by `v.pipe` carries the parts of the first one in it. */
interface Schema {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly item?: Schema;
  readonly wrapped?: Schema;
  readonly options?: readonly (Schema | string)[];
  readonly literal?: unknown;
}

/** A path for every field below a schema, for every value that it picks from, and for leaving out what is optional. */
function pathsOf(schema: Schema, path: string): string[] {
  switch (schema.type) {
    case 'variant':
      return (schema.options ?? []).flatMap((option) =>
        typeof option === 'string' ? [] : pathsOf(option, String(option.entries?.['type']?.literal)),
      );
    case 'object':
      return Object.entries(schema.entries ?? {}).flatMap(([name, field]) => [
        `${path}.${name}`,
        ...pathsOf(field, `${path}.${name}`),
      ]);
    case 'array':
      return schema.item === undefined ? [] : pathsOf(schema.item, `${path}[]`);
    case 'optional':
      return [`${path} is absent`, ...(schema.wrapped === undefined ? [] : pathsOf(schema.wrapped, path))];
    case 'picklist':
      return (schema.options ?? []).flatMap((option) =>
        typeof option === 'string' ? `${path}=${option}` : [],
      );
    case 'literal':
      return [`${path}=${String(schema.literal)}`];
    default:
      return [];
  }
}

function addShown(shown: Set<string>, value: unknown, path: string): void {
  if (Array.isArray(value)) {
    for (const item of value) addShown(shown, item, `${path}[]`);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    shown.add(`${path}{${Object.keys(value).toSorted().join(' ')}}`);
    for (const [name, inner] of Object.entries(value)) {
      shown.add(`${path}.${name}`);
      addShown(shown, inner, `${path}.${name}`);
    }
  } else if (typeof value === 'string' || typeof value === 'boolean') {
    shown.add(`${path}=${String(value)}`);
  }
}

function isShown(path: string, shown: ReadonlySet<string>): boolean {
  const [field = '', absent] = path.split(' is ');
  if (absent === undefined) return shown.has(path);
  const [parent, name] = [field.slice(0, field.lastIndexOf('.')), field.slice(field.lastIndexOf('.') + 1)];
  return [...shown].some((one) => {
    if (!one.startsWith(`${parent}{`)) return false;
    return !one
      .slice(parent.length + 1, -1)
      .split(' ')
      .includes(name);
  });
}

/** The codes that stand in one place of a frame: in its lists of that name, in its stall, or as an error's. */
function codesIn(value: unknown, place: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => codesIn(item, place));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const own = Object.entries(value).flatMap(([name, inner]) =>
    name === place ? [inner].flat().map(codeOf) : codesIn(inner, place),
  );
  return 'type' in value && value.type === place ? [...own, codeOf(value)] : own;
}

function codeOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'code' in value ? String(value.code) : '';
}
