import { beforeEach, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

const ORDERS = '/v1/queues/orders';
const SCHEMA = { type: 'object', required: ['number'], properties: { number: { type: 'string' } } };

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', ORDERS, { schema: SCHEMA });
});

test('a body that does not match is refused, and nothing of its request is stored', async () => {
  const send = (body: unknown) => gateway.call('POST', `${ORDERS}/messages`, body);
  expect(await send({ messages: [{ body: { number: 'A' } }, { body: { number: 1 } }] })).toMatchObject({
    status: 422,
    json: { code: 'schema-mismatch', detail: expect.stringContaining('messages.1') },
  });
  expect(await send({ bodyBase64: 'AAAA', contentType: 'image/png' })).toMatchObject({ status: 422 });
  expect(await gateway.call('GET', ORDERS)).toMatchObject({ json: { ready: 0, schema: SCHEMA } });
  expect(await send({ body: { number: 'A' } })).toMatchObject({ status: 200 });
});

test('a schema is changed and taken away', async () => {
  expect(await gateway.call('PUT', ORDERS, {})).toMatchObject({ status: 409 });
  expect(await gateway.call('PUT', ORDERS, { schema: SCHEMA })).toMatchObject({ status: 200 });
  expect(await gateway.call('PATCH', ORDERS, { maxDeliveries: 3 })).toMatchObject({
    json: { schema: SCHEMA },
  });
  const { json } = await gateway.call('PATCH', ORDERS, { schema: null });
  expect(json).not.toHaveProperty('schema');
  expect(await gateway.call('POST', `${ORDERS}/messages`, { body: 1 })).toMatchObject({ status: 200 });
});

test.each([{ $ref: '#' }, { pattern: '(a+)+$' }, 'object', 7, [], { type: 'thing' }])(
  'the schema %j is refused',
  async (schema) => {
    expect(await gateway.call('PATCH', ORDERS, { schema })).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', detail: expect.stringContaining('schema: ') },
    });
    expect(await gateway.call('GET', ORDERS)).toMatchObject({ json: { schema: SCHEMA } });
  },
);
