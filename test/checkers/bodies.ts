import { isDeepStrictEqual } from 'node:util';

/** A body that is not what was sent under its key. */
export interface ChangedBody {
  readonly key: string;
  /** The path of the first difference, and both values. */
  readonly difference: string;
}

/** Compares each body that arrived with the one sent under its key; keys that nobody sent are passed over. */
export function findChangedBodies(
  sent: ReadonlyMap<string, unknown>,
  arrived: Iterable<{ readonly key: string; readonly body: unknown }>,
): ChangedBody[] {
  const found: ChangedBody[] = [];
  for (const { key, body } of arrived) {
    if (!sent.has(key) || isDeepStrictEqual(sent.get(key), body)) continue;
    found.push({ key, difference: firstDifference(sent.get(key), body, 'body') });
  }
  return found;
}

function firstDifference(sent: unknown, arrived: unknown, path: string): string {
  if (isRecord(sent) && isRecord(arrived)) {
    for (const name of new Set([...Object.keys(sent), ...Object.keys(arrived)])) {
      if (isDeepStrictEqual(sent[name], arrived[name])) continue;
      return firstDifference(sent[name], arrived[name], `${path}.${name}`);
    }
  }
  return `${path}: ${JSON.stringify(sent)} was sent, ${JSON.stringify(arrived)} arrived`;
}

/** Lists too: their indices are their keys. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
