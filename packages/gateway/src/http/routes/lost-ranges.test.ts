import { beforeEach, expect, test } from 'vitest';
import type { Change } from '../../ports/gateway-store.ts';
import { deviceId, epochId, messageId } from '../../testing/sample-frames.ts';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await lose('orders', 3, 7);
  await lose('orders', 10, 10);
  await lose('visits', 1, 2);
});

test('lost ranges are listed with their stream, and who said so', async () => {
  const { status, json } = await gateway.call('GET', '/v1/lost-ranges');
  expect(status).toBe(200);
  const common = {
    priority: 3,
    epoch: epochId(1),
    device: deviceId(1),
    recordedAt: '2027-01-15T08:00:00.000Z',
  };
  expect(json).toEqual({
    ranges: [
      { ...common, queue: 'orders', first: 3, last: 7 },
      { ...common, queue: 'orders', first: 10, last: 10 },
      { ...common, queue: 'visits', first: 1, last: 2 },
    ],
  });
});

test('they come page by page', async () => {
  const firsts: number[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { json } = await gateway.call('GET', `/v1/lost-ranges?limit=1${query}`);
    const page = json as { ranges: { first: number }[]; cursor?: string };
    expect(page.ranges).toHaveLength(1);
    firsts.push(...page.ranges.map(({ first }) => first));
    ({ cursor } = page);
  } while (cursor !== undefined);
  expect(firsts).toEqual([3, 10, 1]);
});

test('a token sees those of the queues that it may manage', async () => {
  const headers = { authorization: `Bearer ${await gateway.token({ manage: ['visits'] })}` };
  const { json } = await gateway.call('GET', '/v1/lost-ranges', undefined, headers);
  expect(json).toMatchObject({ ranges: [{ queue: 'visits' }] });
  const none = { authorization: `Bearer ${await gateway.token({ manage: [] })}` };
  expect((await gateway.call('GET', '/v1/lost-ranges', undefined, none)).json).toEqual({ ranges: [] });
});

test.each(['limit=0', 'limit=1000', 'cursor=', 'cursor=x', `cursor=${'9'.repeat(600)}`])(
  '%s is refused',
  async (query) => {
    expect(await gateway.call('GET', `/v1/lost-ranges?${query}`)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  },
);

async function lose(queue: string, first: number, last: number): Promise<void> {
  const stream = { epoch: epochId(1), queue, priority: 3 };
  const range = { first, last, device: deviceId(1), recordedAt: gateway.clock.now() };
  await gateway.store.transact({ streams: [{ key: stream, since: 0 }] }, ({ streams }) => {
    const from = [...streams.values()].at(0)?.accepted ?? 0;
    const changes: Change[] = [
      { type: 'advance', stream, from, to: last, id: messageId(last) },
      { type: 'put-lost', stream, range },
    ];
    return { changes, result: undefined };
  });
}
