import * as v from 'valibot';
import { expect, test } from 'vitest';
import { type Code, CodedError, CODES, isCode, ProtocolError } from './errors.ts';
import { code } from './frames/fields.ts';

test('every code can stand in a frame', () => {
  for (const name of Object.keys(CODES)) expect(v.is(code, name), name).toBe(true);
});

test('every code has an HTTP status and a sentence', () => {
  for (const [name, entry] of Object.entries(CODES)) {
    expect(entry.status >= 200 && entry.status <= 599, name).toBe(true);
    expect(entry.meaning, name).toMatch(/^[A-Z].*\.$/);
  }
});

test('only codes of the table are codes', () => {
  expect(isCode('busy')).toBe(true);
  for (const text of ['', 'Busy', 'constructor', '__proto__', 'toString']) expect(isCode(text)).toBe(false);
});

test('an error tells its code, whether to try again, and its cause', () => {
  const cause = new Error('disk');
  const error = new CodedError('busy', 'too much to do', { cause });
  expect(error).toMatchObject({
    name: 'CodedError',
    code: 'busy',
    retry: 'later',
    message: 'too much to do',
    cause,
  });
  expect(new ProtocolError('malformed-frame', 'x')).toMatchObject({ name: 'ProtocolError', retry: 'never' });
  expect(new ProtocolError('malformed-frame', 'x')).toBeInstanceOf(CodedError);
});

// Programs in the field branch on these: a code may be added, none may go or change what to do about it.
test('codes that devices act on stay', () => {
  const retries = (codes: readonly Code[]): unknown => codes.map((name) => CODES[name].retry);
  expect(retries(['queue-not-found', 'access-denied', 'too-large', 'bad-message', 'epoch-retired'])).toEqual(
    Array.from({ length: 5 }, () => 'never'),
  );
  expect(retries(['quota-exceeded', 'unauthorized', 'busy', 'shutting-down', 'stalled', 'internal'])).toEqual(
    Array.from({ length: 6 }, () => 'later'),
  );
});
