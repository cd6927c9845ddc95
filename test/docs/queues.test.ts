import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

// The examples of docs/guides/queues.md, sent to a real gateway as they stand.

const page = readFileSync('docs/guides/queues.md', 'utf8');
let gateway: GatewayProcess;
let authorization: string;
beforeAll(async () => {
  gateway = await startGatewayProcess();
  authorization = `Bearer ${await gateway.token()}`;
});
afterAll(() => gateway.dispose());

test('the rules send messages where the page says', async () => {
  const rules = /```json\n(?<json>\{\n {2}"rules"[^`]*)```/.exec(page)?.groups?.['json'] ?? '';
  for (const queue of ['audit', 'large-orders', 'orders-west']) await call('PUT', queue, '{}');
  expect(await call('PUT', 'orders', rules)).toBe(201);
  const messages = [{ body: { total: 5 } }, { body: { total: 5000 } }, { body: {}, label: 'W-7' }];
  expect(await call('POST', 'orders/messages', JSON.stringify({ messages }))).toBe(200);
  expect(await ready('orders')).toBe(1);
  expect(await ready('large-orders')).toBe(1);
  expect(await ready('orders-west')).toBe(1);
  expect(await ready('audit')).toBe(3);
});

test('the dead letters of a queue can be asked for, also before there are any', async () => {
  const path = /```http\nGET \/v1\/queues\/(?<path>\S+)\n```/.exec(page)?.groups?.['path'] ?? '';
  await call('PUT', 'orders', '{}');
  expect(await call('GET', path)).toBe(200);
});

async function ready(queue: string): Promise<unknown> {
  const answer: unknown = await (await fetchQueue('GET', queue)).json();
  return typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'ready') : undefined;
}

async function call(method: string, path: string, body?: string): Promise<number> {
  const response = await fetchQueue(method, path, body);
  await response.arrayBuffer();
  return response.status;
}

function fetchQueue(method: string, path: string, body?: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/queues/${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  });
}
