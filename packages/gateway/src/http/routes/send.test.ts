import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestAnswer, type TestGateway } from '../../testing/test-gateway.ts';

const ID = '01900000-0000-7000-8000-000000000001';
const OTHER_ID = '01900000-0000-7000-8000-000000000002';
const PATH = '/v1/queues/orders/messages';
let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', { maxBodyBytes: 1000 });
});

describe('one and many', () => {
  test('one message is answered with its id and time, and lies in the queue', async () => {
    const { status, json } = await gateway.call('POST', PATH, {
      body: { n: 1 },
      label: 'first',
      headers: { a: 'b' },
      priority: 6,
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sentAt: '2027-01-15T08:00:00.000Z',
    });
    expect(await stored()).toMatchObject([
      {
        ...(json as object),
        body: { n: 1 },
        label: 'first',
        headers: { a: 'b' },
        priority: 6,
        contentType: 'application/json',
      },
    ]);
  });

  test('many are answered in their order', async () => {
    const messages = [1, 2, 3].map((body) => ({ body }));
    const { json } = await gateway.call('POST', PATH, { messages });
    const ids = (json as { messages: { id: string }[] }).messages.map(({ id }) => id);
    expect((await stored()).map(({ id, body }) => [id, body])).toEqual(
      ids.map((id, index) => [id, index + 1]),
    );
  });

  test('many are stored all or none', async () => {
    const messages = [{ body: 1 }, { body: 'x'.repeat(2000) }, { body: 3 }];
    expect(await gateway.call('POST', PATH, { messages })).toMatchObject({
      status: 413,
      json: { code: 'too-large', detail: expect.stringContaining('messages.1') },
    });
    expect(await stored()).toEqual([]);
  });
});

describe('ids of the producer', () => {
  test('the same again gives the first answer again, and one message', async () => {
    const first = await gateway.call('POST', PATH, { id: ID, body: { n: 1 } });
    gateway.clock.advance(5000);
    const again = await gateway.call('POST', PATH, { id: ID, body: { n: 1 } });
    expect(again).toMatchObject({ status: 200, json: first.json });
    expect(await stored()).toHaveLength(1);
  });

  test('also when the first was consumed meanwhile', async () => {
    const first = await gateway.call('POST', PATH, { id: ID, body: 1 });
    const { json } = await gateway.call('POST', '/v1/queues/orders/receive', {});
    const { messages } = json as { messages: { receipt: string }[] };
    await gateway.call('POST', '/v1/queues/orders/settle', { ack: messages.map(({ receipt }) => receipt) });
    expect(await gateway.call('POST', PATH, { id: ID, body: 1 })).toMatchObject({ json: first.json });
    expect(await stored()).toEqual([]);
  });

  test.each([
    ['body', { body: 2 }],
    ['priority', { body: 1, priority: 4 }],
    ['label', { body: 1, label: 'x' }],
    ['content type', { body: 1, contentType: 'text/plain' }],
  ])('another %s is a conflict and nothing of the request is stored', async (_, changed) => {
    await gateway.call('POST', PATH, { id: ID, body: 1 });
    const messages = [
      { id: OTHER_ID, body: 1 },
      { id: ID, ...changed },
    ];
    expect(await gateway.call('POST', PATH, { messages })).toMatchObject({
      status: 409,
      json: { code: 'conflict', detail: expect.stringContaining(ID) },
    });
    expect(await stored()).toHaveLength(1);
  });

  test('the same again is another message only when the id has been kept as long as was set', async () => {
    gateway = await createTestGateway({ producerIdRetentionMs: 3_600_000 });
    await gateway.call('PUT', '/v1/queues/orders', {});
    const send = (): Promise<TestAnswer> => gateway.call('POST', PATH, { id: ID, body: { n: 1 } });
    const first = await send();
    gateway.clock.advance(3_600_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await send()).json).toEqual(first.json);
    expect(await stored()).toHaveLength(1);
    gateway.clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await send()).status).toBe(200);
    expect(await stored()).toHaveLength(2);
    await gateway.gateway.stop();
  });

  test('twice in one request is one message, or a conflict', async () => {
    const same = {
      messages: [
        { id: ID, body: 1 },
        { id: ID, body: 1 },
      ],
    };
    expect(await gateway.call('POST', PATH, same)).toMatchObject({
      json: { messages: [{ id: ID }, { id: ID }] },
    });
    expect(await stored()).toHaveLength(1);
    const other = {
      messages: [
        { id: OTHER_ID, body: 1 },
        { id: OTHER_ID, body: 2 },
      ],
    };
    expect(await gateway.call('POST', PATH, other)).toMatchObject({ status: 409 });
  });

  test('upper-case digits are the same id', async () => {
    await gateway.call('POST', PATH, { id: ID.replaceAll('0', '0'), body: 1 });
    await gateway.call('POST', PATH, { id: 'ABCDEF00-0000-7000-8000-00000000000A', body: 1 });
    await gateway.call('POST', PATH, { id: 'abcdef00-0000-7000-8000-00000000000a', body: 1 });
    expect(await stored()).toHaveLength(2);
  });
});

describe('bodies are stored as they were written', () => {
  test.each([
    '12345678901234567890',
    '{"a":1.10,"a":2}',
    '{ "__proto__" : {"x":1} , "n" : 1e400 }',
    '"\\u0000 \\ud83d\\ude00 \\ud800 \u202e"',
    'null',
    '""',
    '[[[],{}]]',
  ])('%s', async (body) => {
    await gateway.call('POST', PATH, `{"messages":[{"body":[1]},{"label":"body\\"}", "body": ${body} }]}`);
    const { text } = await gateway.call('GET', `${PATH}?bodies=auto`);
    expect(text).toContain(`"body":${body}}`);
    const { json } = await gateway.call('GET', `${PATH}?bodies=base64`);
    const [, message] = (json as { messages: { bodyBase64: string }[] }).messages;
    expect(Buffer.from(message?.bodyBase64 ?? '', 'base64').toString()).toBe(body);
  });

  test('10,000 arrays in one another', async () => {
    const body = '['.repeat(10_000) + ']'.repeat(10_000);
    await gateway.call('PATCH', '/v1/queues/orders', { maxBodyBytes: 100_000 });
    expect(await gateway.call('POST', PATH, `{"body":${body}}`)).toMatchObject({ status: 200 });
    expect((await gateway.call('GET', `${PATH}?bodies=auto`)).text).toContain(`"body":${body}}`);
  });

  test('of a member that is written twice the last counts, as it does for JSON.parse', async () => {
    await gateway.call('POST', PATH, '{"body":1,"\\u0062ody":2}');
    expect(await stored()).toMatchObject([{ body: 2 }]);
  });

  test('bytes', async () => {
    const bodyBase64 = Buffer.from([0, 255, 1]).toString('base64');
    await gateway.call('POST', PATH, { bodyBase64, contentType: 'application/octet-stream' });
    const [message] = await stored();
    expect(message).toMatchObject({ bodyBase64, contentType: 'application/octet-stream' });
    expect(message).not.toHaveProperty('body');
  });

  test('no bytes at all', async () => {
    await gateway.call('POST', PATH, { bodyBase64: '', contentType: 'text/plain' });
    expect(await stored()).toMatchObject([{ bodyBase64: '' }]);
  });

  test('what calls itself JSON and is none comes back as base64', async () => {
    const bodyBase64 = Buffer.from('{"a":').toString('base64');
    await gateway.call('POST', PATH, { bodyBase64 });
    expect(await stored()).toMatchObject([{ bodyBase64 }]);
  });
});

describe('what is refused', () => {
  test.each<[string, unknown, number, string]>([
    ['neither body nor bytes', { label: 'x' }, 400, 'invalid-request'],
    ['both body and bytes', { body: 1, bodyBase64: 'AA==' }, 400, 'invalid-request'],
    ['bytes that are no base64', { bodyBase64: '*' }, 400, 'invalid-request'],
    ['no message', { messages: [] }, 400, 'invalid-request'],
    ['a list', [], 400, 'invalid-request'],
    ['an id that is none', { id: '1', body: 1 }, 400, 'invalid-request'],
    ['priority 8', { body: 1, priority: 8 }, 400, 'invalid-request'],
    ['priority 1.5', { body: 1, priority: 1.5 }, 400, 'invalid-request'],
    ['a label too long', { body: 1, label: 'x'.repeat(251) }, 400, 'invalid-request'],
    ['a header that is no text', { body: 1, headers: { a: 1 } }, 400, 'invalid-request'],
    [
      '33 headers',
      { body: 1, headers: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`h${index}`, ''])) },
      422,
      'bad-message',
    ],
    ['a header that would vanish', '{"body":1,"headers":{"a":"b","__proto__":"x"}}', 400, 'invalid-request'],
    ['no JSON', '{"body":1', 400, 'invalid-request'],
    ['nothing', '', 400, 'invalid-request'],
    ['a body over the limit of the queue', { body: 'x'.repeat(1000) }, 413, 'too-large'],
  ])('%s', async (_, body, status, code) => {
    expect(await gateway.call('POST', PATH, body)).toMatchObject({ status, json: { code, status } });
    expect(await stored()).toEqual([]);
  });

  test('a body at the limit of the queue is taken', async () => {
    expect(await gateway.call('POST', PATH, { body: 'x'.repeat(998) })).toMatchObject({ status: 200 });
  });

  test('a queue that is not there; in development mode it is made', async () => {
    expect(await gateway.call('POST', '/v1/queues/visits/messages', { body: 1 })).toMatchObject({
      status: 404,
      json: { code: 'queue-not-found' },
    });
    const development = await createTestGateway({ isDevelopment: true });
    expect(await development.call('POST', '/v1/queues/visits/messages', { body: 1 })).toMatchObject({
      status: 200,
    });
    expect(await development.call('POST', '/v1/queues/sys.x/messages', { body: 1 })).toMatchObject({
      status: 404,
    });
  });

  test('another content type', async () => {
    for (const type of ['text/plain', 'application/xml', '']) {
      const answer = await gateway.call('POST', PATH, '{"body":1}', { 'content-type': type });
      expect(answer).toMatchObject({ status: 415, json: { code: 'unsupported-media-type' } });
    }
    expect(
      await gateway.call('POST', PATH, '{"body":1}', { 'content-type': 'Application/JSON; charset=utf-8' }),
    ).toMatchObject({ status: 200 });
  });

  test('more than a request may have', async () => {
    const answer = await gateway.call('POST', PATH, `{"body":"${'x'.repeat(8 * 1024 * 1024)}"}`);
    expect(answer).toMatchObject({ status: 413, json: { code: 'payload-too-large' } });
  });
});

async function stored(): Promise<Record<string, unknown>[]> {
  const answer: TestAnswer = await gateway.call('GET', `${PATH}?bodies=auto`);
  return (answer.json as { messages: Record<string, unknown>[] }).messages;
}
