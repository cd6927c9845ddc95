import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

const ID = '0190a000-0000-7000-8000-000000000001';
const RUSH = { name: 'rush', when: 'has(body.total) && body.total > 1000', action: 'forward', to: 'rush' };
const AUDIT = { name: 'audit', action: 'copy', to: 'audit' };

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await createTestGateway();
  for (const queue of ['rush', 'audit']) await gateway.call('PUT', `/v1/queues/${queue}`, {});
});

describe('rules', () => {
  test('send arriving messages on, in one transaction with the message itself', async () => {
    const made = await gateway.call('PUT', '/v1/queues/orders', { rules: [AUDIT, RUSH] });
    expect(made).toMatchObject({ status: 201, json: { rules: [AUDIT, RUSH] } });
    await gateway.call('POST', '/v1/queues/orders/messages', {
      messages: [{ body: { total: 5 } }, { id: ID, body: { total: 5000 } }],
    });
    expect(await bodiesOf('orders')).toEqual([{ total: 5 }]);
    expect(await bodiesOf('rush')).toEqual([{ total: 5000 }]);
    expect(await bodiesOf('audit')).toEqual([{ total: 5 }, { total: 5000 }]);
    expect(await gateway.call('GET', `/v1/queues/audit/messages/${ID}`)).toMatchObject({
      json: { history: [{ queue: 'orders', code: 'copied', deliveryCount: 0 }] },
    });
  });

  test('a repeated send repeats nothing', async () => {
    await gateway.call('PUT', '/v1/queues/orders', { rules: [AUDIT] });
    for (let round = 0; round < 2; round++)
      await gateway.call('POST', '/v1/queues/orders/messages', { id: ID, body: 1 });
    expect(await bodiesOf('orders')).toEqual([1]);
    expect(await bodiesOf('audit')).toEqual([1]);
  });

  test('a full target holds the sender back, and nothing is stored anywhere', async () => {
    await gateway.call('PATCH', '/v1/queues/audit', { quotaMessages: 1 });
    await gateway.call('PUT', '/v1/queues/orders', { rules: [AUDIT] });
    const send = { messages: [{ body: 1 }, { body: 2 }] };
    expect(await gateway.call('POST', '/v1/queues/orders/messages', send)).toMatchObject({
      status: 429,
      json: { code: 'quota-exceeded' },
    });
    expect(await bodiesOf('orders')).toEqual([]);
    expect(await bodiesOf('audit')).toEqual([]);
  });

  test('a target that was deleted leaves messages where they are, and is told in the log once', async () => {
    await gateway.call('PUT', '/v1/queues/orders', { rules: [RUSH] });
    await gateway.call('DELETE', '/v1/queues/rush');
    await gateway.call('POST', '/v1/queues/orders/messages', {
      messages: [{ body: { total: 5000 } }, { body: { total: 6000 } }],
    });
    expect(await bodiesOf('orders')).toEqual([{ total: 5000 }, { total: 6000 }]);
    expect(gateway.log.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { queue: 'orders', rule: 'rush', to: 'rush', code: 'queue-not-found' } },
    ]);
  });

  test.each([
    [{ ...RUSH, when: 'body.total >' }, 400, 'invalid-request', /the condition "body.total >" is none/],
    [{ ...RUSH, when: 'label.matches("x")' }, 400, 'invalid-request', /matches\(\) cannot be used here/],
    [{ ...RUSH, to: 'nowhere' }, 404, 'queue-not-found', /nowhere/],
    [{ ...RUSH, to: 'orders' }, 400, 'invalid-request', /leads from queue orders to itself/],
    [{ ...RUSH, to: 'orders;dead-letter' }, 400, 'invalid-request', /not a queue name/],
    [{ ...RUSH, action: 'drop' }, 400, 'invalid-request', /action/],
  ])('%j is refused', async (rule, status, code, detail) => {
    const answer = await gateway.call('PUT', '/v1/queues/orders', { rules: [rule] });
    expect(answer).toMatchObject({ status, json: { code, detail: expect.stringMatching(detail) } });
    expect(await gateway.call('GET', '/v1/queues/orders')).toMatchObject({ status: 404 });
  });

  test('who may not send to the target may not lead messages there', async () => {
    const token = await gateway.token({ manage: ['*'], send: ['orders'] });
    const answer = await gateway.call(
      'PUT',
      '/v1/queues/orders',
      { rules: [RUSH] },
      {
        authorization: `Bearer ${token}`,
      },
    );
    expect(answer).toMatchObject({ status: 403, json: { code: 'access-denied' } });
  });
});

async function bodiesOf(queue: string): Promise<unknown[]> {
  const { json } = await gateway.call('GET', `/v1/queues/${queue}/messages?bodies=auto`);
  return (json as { messages: { body: unknown }[] }).messages.map(({ body }) => body);
}
