import type { Hello, SessionNonce } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { DeviceRow } from '../ports/gateway-store.ts';
import { generationId, hello, session } from '../testing/sample-frames.ts';
import { SampleRows, sampleDevice } from '../testing/sample-rows.ts';
import { isCloned } from './fork.ts';
import { decideHello, type HelloResult, type HelloWay } from './hello.ts';

// The device in these tests was welcomed with session 5, to a hello that named session 4.

const DAY_MS = 24 * 3_600_000;
const NOW = 1000 * DAY_MS;
const WAYS: readonly HelloWay[] = ['socket', 'http'];

describe.each(WAYS)('over %s', (way) => {
  test('the last session that was welcomed is no fork', () => {
    const { result, row } = greet(rowsOf(), { lastSession: session(5) }, way);
    expect(result).toMatchObject({ reply: { type: 'welcome', session: { number: 6 } } });
    expect(result).not.toHaveProperty('isFork');
    expect(row).toMatchObject({ forks: 0, parentSession: session(5) });
  });

  test('the session before it is no fork either: the welcome was lost', () => {
    const { result, row } = greet(rowsOf(), { lastSession: session(4), takesOver: session(5) }, way);
    expect(result.reply.type).toBe('welcome');
    expect(result).not.toHaveProperty('isFork');
    expect(row).toMatchObject({ forks: 0 });
  });

  test('no session at all is no fork: the data of an app that was cleared, or a first contact', () => {
    const { result } = greet(rowsOf(), { takesOver: session(5) }, way);
    expect(result).not.toHaveProperty('isFork');
  });

  test('an older session is a fork: restored data goes on under its id, and the operator hears of it', () => {
    const { result, row } = greet(rowsOf(), { lastSession: session(3), takesOver: session(5) }, way);
    expect(result).toMatchObject({ reply: { type: 'welcome', session: { number: 6 } }, isFork: true });
    expect(row).toMatchObject({ forks: 1, forkedAt: NOW, parentSession: session(3) });
  });

  test('a second fork within thirty days is a copy in use: it has to take another id, and the session stays', () => {
    const rows = rowsOf({ forks: 1, forkedAt: NOW - 30 * DAY_MS });
    const { result, row } = greet(rows, { lastSession: session(3), takesOver: session(5) }, way);
    expect(result).toEqual({ reply: { type: 'fenced', reason: 'cloned' }, isFork: true });
    expect(row).toMatchObject({ session: session(5), forks: 2, forkedAt: NOW });
  });

  test('forks further apart are two restores', () => {
    const rows = rowsOf({ forks: 1, forkedAt: NOW - 30 * DAY_MS - 1 });
    const { result, row } = greet(rows, { lastSession: session(3), takesOver: session(5) }, way);
    expect(result).toMatchObject({ reply: { type: 'welcome' }, isFork: true });
    expect(row).toMatchObject({ forks: 2, forkedAt: NOW });
  });

  test('what goes on after a fork is no further one', () => {
    const rows = rowsOf({ forks: 1, forkedAt: NOW - 1 });
    const { result, row } = greet(rows, { lastSession: session(5) }, way);
    expect(result).not.toHaveProperty('isFork');
    expect(row).toMatchObject({ forks: 1, forkedAt: NOW - 1 });
  });

  test('a session that the store never had is one that it has forgotten, and no fork', () => {
    const { result, row } = greet(rowsOf(), { lastSession: session(9), takesOver: session(5) }, way);
    expect(result).toMatchObject({ wentBack: { session: true } });
    expect(result).not.toHaveProperty('isFork');
    expect(row).toMatchObject({ forks: 0 });
  });

  test('a revoked device hears nothing of copies', () => {
    const rows = rowsOf({ revoked: true, forks: 5, forkedAt: NOW });
    const { result } = greet(rows, { lastSession: session(3) }, way);
    expect(result).toEqual({ reply: { type: 'fenced', reason: 'revoked' } });
  });
});

test('the first fork is none of a copy, whatever the gateway thinks the date is', () => {
  expect(isCloned({ ...sampleDevice(), forks: 0 }, DAY_MS)).toBe(false);
});

test('over HTTP a fork is noted when it takes over, not when it asks', () => {
  const { result, row } = greet(rowsOf(), { lastSession: session(3) }, 'http');
  expect(result).toEqual({ reply: { type: 'fenced', reason: 'newer-connection', session: session(5) } });
  expect(row).toMatchObject({ forks: 0, session: session(5) });
});

function rowsOf(changes: Partial<DeviceRow> = {}): SampleRows {
  const rows = new SampleRows();
  rows.device = { ...sampleDevice(), session: session(5), parentSession: session(4), ...changes };
  return rows;
}

function greet(
  rows: SampleRows,
  said: Partial<Hello>,
  way: HelloWay,
): { readonly result: HelloResult; readonly row: DeviceRow | undefined } {
  const { changes, result } = decideHello(rows, hello(said), {
    subject: 'rep',
    now: NOW,
    nonce: 'ffffffffffffffff' as SessionNonce,
    freshGeneration: generationId(99),
    way,
  });
  rows.apply(changes);
  return { result, row: rows.device };
}
