import { CodedError } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { Authenticator } from '../ports/authenticator.ts';
import { rememberTokens } from './remember-tokens.ts';

const grants = { send: ['orders'], receive: [], manage: [] };

/** An authenticator that takes every token until it ends, and counts what it is asked. */
function counting(expiresAt: number): {
  readonly asked: string[];
  readonly authenticator: Authenticator;
  refuseAll(): void;
} {
  const asked: string[] = [];
  let isRefusing = false;
  return {
    asked,
    refuseAll: () => {
      isRefusing = true;
    },
    authenticator: rememberTokens({
      async authenticate(token, now) {
        asked.push(token);
        if (isRefusing || now >= expiresAt) throw new CodedError('unauthorized', 'no');
        return { subject: token, expiresAt, grants };
      },
    }),
  };
}

test('a token is checked once in a minute, each by itself', async () => {
  const { asked, authenticator } = counting(1_000_000);
  for (const now of [0, 1, 59_999])
    expect(await authenticator.authenticate('a', now)).toMatchObject({ subject: 'a' });
  expect(await authenticator.authenticate('b', 59_999)).toMatchObject({ subject: 'b' });
  expect(asked).toEqual(['a', 'b']);
  await authenticator.authenticate('a', 60_000);
  expect(asked).toEqual(['a', 'b', 'a']);
});

test('a token whose key is gone is refused after a minute', async () => {
  const { authenticator, refuseAll } = counting(1_000_000);
  await authenticator.authenticate('a', 0);
  refuseAll();
  await authenticator.authenticate('a', 59_999);
  await expect(authenticator.authenticate('a', 60_000)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('a token ends at its end, remembered or not', async () => {
  const { authenticator } = counting(1000);
  await authenticator.authenticate('a', 999);
  await expect(authenticator.authenticate('a', 1000)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('nothing is remembered of a refusal, nor before the time of the check', async () => {
  const { asked, authenticator, refuseAll } = counting(1_000_000);
  await authenticator.authenticate('a', 500);
  await authenticator.authenticate('a', 499);
  expect(asked).toEqual(['a', 'a']);
  refuseAll();
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(authenticator.authenticate('b', 500)).rejects.toMatchObject({ code: 'unauthorized' });
  expect(asked).toEqual(['a', 'a', 'b', 'b']);
});

test('a thousand tokens are remembered, and the oldest is let go', async () => {
  const { asked, authenticator } = counting(1_000_000);
  for (let index = 0; index <= 1000; index++) await authenticator.authenticate(`t${index}`, 0);
  await authenticator.authenticate('t1', 1);
  expect(asked).toHaveLength(1001);
  await authenticator.authenticate('t0', 1);
  expect(asked).toHaveLength(1002);
});
