import { expect, test } from 'vitest';
import { GatewayProcess, startGatewayProcess } from './gateway-process.ts';

async function queueNames(gateway: GatewayProcess): Promise<string[]> {
  const headers = { authorization: `Bearer ${await gateway.token()}` };
  const answer = (await (await fetch(`${gateway.url}/v1/queues`, { headers })).json()) as {
    queues: { name: string }[];
  };
  return answer.queues.map(({ name }) => name);
}

async function send(gateway: GatewayProcess, queue: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/queues/${queue}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ body: { n: 1 } }),
  });
  return response.status;
}

test('a killed gateway comes back on its port with its data, and stops when asked', async () => {
  await using gateway = await startGatewayProcess();
  const { url } = gateway;
  expect(await send(gateway, 'orders')).toBe(200);
  await gateway.kill9();
  await gateway.restart();
  expect(gateway.url).toBe(url);
  expect(await queueNames(gateway)).toEqual(['orders']);
  expect(await gateway.stop()).toBe(0);
});

test('a failpoint ends the process where it says, once', async () => {
  await using gateway = await startGatewayProcess({ failpoint: 'receive-committed', mode: 'development' });
  expect(await send(gateway, 'orders')).toBe(200);
  const headers = { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' };
  const receive = fetch(`${gateway.url}/v1/queues/orders/receive`, { method: 'POST', headers, body: '{}' });
  await expect(receive).rejects.toThrow();
  expect(await gateway.exited).toBe('SIGKILL');
  await gateway.restart();
  expect(await queueNames(gateway)).toEqual(['orders']);
});

test('a gateway that does not start says why', async () => {
  const gateway = new GatewayProcess({ environment: { FIELDPOST_PROT: '1' } });
  await expect(gateway.start()).rejects.toThrow(/FIELDPOST_PROT is no setting/);
  await gateway.dispose();
});
