import { expect, test } from 'vitest';
import { createPinoLogger } from './pino-logger.ts';

function logged(
  write: (logger: ReturnType<typeof createPinoLogger>) => void,
  level: 'debug' | 'warn' = 'debug',
): unknown[] {
  const lines: string[] = [];
  write(createPinoLogger(level, { write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as unknown);
}

test('a line is JSON with its level, time, fields and message', () => {
  const [line] = logged((logger) => logger.info({ device: 'd', count: 2 }, 'happened'));
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    service: 'fieldpost-gateway',
    device: 'd',
    count: 2,
    msg: 'happened',
  });
});

test('an error is told with its kind, code and causes', () => {
  const error = Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'conflict' });
  const [line] = logged((logger) => logger.error({ error }, 'failed'));
  expect(line).toMatchObject({
    error: { type: 'Error', code: 'conflict', message: expect.stringContaining('inner') },
  });
});

test('line breaks of a peer make no lines of their own', () => {
  expect(
    logged((logger) => logger.info({ client: 'a\n{"level":"error"}\r\n\u001b[31m' }, 'greeted')),
  ).toHaveLength(1);
});

test('levels below the configured one are left out', () => {
  expect(logged((logger) => logger.info({}, 'x'), 'warn')).toEqual([]);
});

test('a token or a body that gets into the fields by mistake is struck out', () => {
  const fields = {
    token: 'secret',
    message: { body: 'secret', receipt: 'secret', id: 'm' },
    headers: { authorization: 'Bearer secret' },
  };
  const text = JSON.stringify(logged((logger) => logger.info(fields, 'x')));
  expect(text).not.toContain('secret');
  expect(text).toContain('"id":"m"');
});
