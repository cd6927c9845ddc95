import type { GenerationId } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { Generations } from '../ports/gateway-store.ts';
import { generationId } from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { type GoingBack, hasGoneBackSince, noticeGoingBack } from './going-back.ts';

const FIRST = generationId(1);
const FORMER = generationId(2);
const FORGOTTEN = generationId(3);
const FORMER_MAX = 1024;

describe('what a claim to be told more than the store holds comes to', () => {
  test.each<[string, GenerationId | undefined, boolean]>([
    ['under the generation in force', FIRST, true],
    ['by a device that knows no generation', undefined, true],
    ['under a generation that was forgotten, even without a number', FORGOTTEN, false],
  ])('%s: another generation', (_, told, isBehind) => {
    const { rows, result } = notice(rowsOf(), told, isBehind);
    expect(result).toMatchObject({ isNew: true, isUnexplained: false });
    expect(rows.generations.current).toBe(result.generation);
    expect(rows.generations.current).not.toBe(FIRST);
    const forgotten = told === FORGOTTEN ? [FORGOTTEN] : [];
    expect([...rows.generations.former]).toEqual([FORMER, FIRST, ...forgotten]);
    expect(rows.generations.mintedIn).toBe(rows.generations.opening);
  });

  test.each<[string, GenerationId | undefined, boolean]>([
    ['no claim', FIRST, false],
    ['no claim and no generation', undefined, false],
    ['a claim under a former generation', FORMER, true],
  ])('%s: nothing', (_, told, isBehind) => {
    const { result } = notice(rowsOf(), told, isBehind);
    expect(result).toEqual({ generation: FIRST, changes: [], isNew: false, isUnexplained: false });
  });

  test('one opening mints one generation, whatever is claimed', () => {
    const { rows, result } = notice(rowsOf(), FIRST, true);
    const minted = result.generation;
    expect(notice(rows, minted, true).result).toEqual({
      generation: minted,
      changes: [],
      isNew: false,
      isUnexplained: true,
    });
    expect(notice(rows, undefined, true).result).toMatchObject({ changes: [], isUnexplained: false });
    expect(notice(rows, FIRST, true).result).toMatchObject({ changes: [], isUnexplained: false });
    expect(notice(rows, FORGOTTEN, true).result).toEqual({
      generation: minted,
      changes: [{ type: 'put-former', generation: FORGOTTEN }],
      isNew: false,
      isUnexplained: false,
    });
    expect(rows.generations.current).toBe(minted);
  });

  test('the next opening mints another one', () => {
    const rows = rowsOf({ mintedIn: 'an opening before' });
    expect(notice(rows, FIRST, true).result).toMatchObject({ isNew: true });
  });

  test('however many are made up, so many are remembered at most, and the oldest is forgotten first', () => {
    const rows = rowsOf();
    for (let index = 0; index < FORMER_MAX + 10; index++) notice(rows, generationId(1000 + index), false);
    const { former } = rows.generations;
    expect(former.size).toBe(FORMER_MAX);
    expect(former.has(FORMER)).toBe(false);
    expect([...former].at(0)).toBe(generationId(1010));
    expect([...former].at(-1)).toBe(generationId(1000 + FORMER_MAX + 9));
  });

  test('a full list still takes the generation that a new one follows', () => {
    const former = Array.from({ length: FORMER_MAX }, (_, index) => generationId(1000 + index));
    const rows = rowsOf({ former: new Set(former) });
    notice(rows, FORGOTTEN, true);
    expect([...rows.generations.former]).toEqual([...former.slice(2), FIRST, FORGOTTEN]);
  });
});

test.each<[string, GenerationId | undefined, readonly GenerationId[], boolean]>([
  ['a former generation', FORMER, [FORMER], true],
  ['a forgotten one', FORGOTTEN, [], true],
  ['none, in a store that never went back', undefined, [], false],
  ['none, in one that did', undefined, [FORMER], true],
  ['the one in force, in a store that never went back', FIRST, [], false],
  ['the one in force, whose hello may have left out a stream', FIRST, [FORMER], true],
])('whether messages that were acknowledged under %s may be missing', (_, told, former, expected) => {
  expect(hasGoneBackSince({ ...rowsOf().generations, former: new Set(former) }, told)).toBe(expected);
});

/** A store that went back once, in an earlier opening. */
function rowsOf(changes: Partial<Generations> = {}): SampleRows {
  const rows = new SampleRows();
  rows.generations = { ...rows.generations, current: FIRST, former: new Set([FORMER]), ...changes };
  return rows;
}

let minted = 0;

function notice(
  rows: SampleRows,
  told: GenerationId | undefined,
  isBehind: boolean,
): { rows: SampleRows; result: GoingBack } {
  minted += 1;
  const result = noticeGoingBack(rows.generations, told, isBehind, generationId(100_000 + minted));
  rows.apply(result.changes);
  return { rows, result };
}
