import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

// What a supervisor reads of a real process. Each metric of the gateway's own is tested beside its route.

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await startGatewayProcess({ mode: 'secret' });
}, 60_000);
afterAll(() => gateway.dispose());

test('what the guide names of the process is there, and needs no token', async () => {
  const guide = readFileSync(new URL('../../docs/guides/operating-the-gateway.md', import.meta.url), 'utf8');
  const names = new Set([...guide.matchAll(/`((?:process|nodejs)_\w+)`/g)].map(([, name = '']) => name));
  expect(names.size).toBeGreaterThanOrEqual(4);
  const page = await metrics();
  for (const name of names) expect(page, name).toMatch(new RegExp(`^${name}(?:\\{.*\\})? [\\d.e+-]+$`, 'm'));
});

test('what happens shows: messages in a queue, and commits with the time that they took', async () => {
  const headers = { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' };
  await fetch(`${gateway.url}/v1/queues/orders`, { method: 'PUT', headers, body: '{}' });
  const body = JSON.stringify({ messages: [{ body: 1 }, { body: 2 }, { body: 3 }] });
  await fetch(`${gateway.url}/v1/queues/orders/messages`, { method: 'POST', headers, body });
  await expect
    .poll(metrics, { timeout: 10_000 })
    .toContain('fieldpost_queue_messages{queue="orders",state="ready"} 3\n');
  const page = await metrics();
  expect(page).toContain('fieldpost_messages_arrived_total{queue="orders",from="server"} 3\n');
  expect(page).toMatch(/^fieldpost_commit_seconds_count\{call="transact"\} [1-9]/m);
  expect(page).toMatch(/^fieldpost_commit_seconds_sum\{call="transact"\} 0?\.?\d/m);
});

async function metrics(): Promise<string> {
  return (await fetch(`${gateway.url}/metrics`)).text();
}
