import { expect, test } from 'vitest';
import { tokenEnd } from './token-end.ts';

test('the end of a token is its claim `exp`, in milliseconds', () => {
  expect(tokenEnd(tokenOf({ sub: 'anna', exp: 1_795_507_200 }))).toBe(1_795_507_200_000);
  // Bytes that make `-` and `_` in base64url, and a length that has no padding there.
  expect(tokenEnd(tokenOf({ sub: 'ÿþ?>~\u{1f422}', exp: 7 }))).toBe(7_000);
});

test.each([
  ['no token at all', 'token'],
  ['no claims', 'a..c'],
  ['claims that are no JSON', `a.${base64url('{')}.c`],
  ['claims that are no map', `a.${base64url('7')}.c`],
  ['bytes that are no base64', 'a.%.c'],
  ['no end', tokenOf({ sub: 'anna' })],
  ['an end that is no number', tokenOf({ exp: 'soon' })],
])('%s says nothing', (_, token) => {
  expect(tokenEnd(token)).toBeUndefined();
});

function tokenOf(claims: object): string {
  return `e30.${base64url(JSON.stringify(claims))}.c2ln`;
}

function base64url(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
