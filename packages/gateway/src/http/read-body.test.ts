import { FRAMES_MEDIA_TYPE } from '@fieldpost/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { beginSlowRequest, type SlowRequest } from '../testing/slow-request.ts';
import { createTestGateway, type TestGateway } from '../testing/test-gateway.ts';

const ROOM = 200_000;
const busy = { status: 503, json: { code: 'busy', retryAfterMs: 1000 } };

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway({ inputBytesMax: ROOM });
  await gateway.call('PUT', '/v1/queues/orders', {});
});

const send = (): ReturnType<TestGateway['call']> =>
  gateway.call('POST', '/v1/queues/orders/messages', { body: 'x' });

describe('bodies that come slowly', () => {
  test('count by what of them has come, and give the room back when they are answered', async () => {
    const slow = await beginSlow(`{"body":"${'x'.repeat(ROOM / 2)}`);
    expect((await send()).status).toBe(200);
    const other = await beginSlow(`{"body":"${'y'.repeat(ROOM / 2)}`);
    expect(await send()).toMatchObject(busy);
    await slow.finish('"}');
    expect(await slow.answer).toMatchObject({ status: 503 });
    expect((await send()).status).toBe(200);
    await other.finish('"}');
    expect(await other.answer).toMatchObject({ status: 200 });
  });

  test('take no room by what they announce', async () => {
    const slow = await beginSlow('{"body":"', { 'content-length': '1000000' });
    expect((await send()).status).toBe(200);
    await slow.finish('"}');
  });

  test('that are cut off give the room back', async () => {
    const slow = await beginSlow(`{"body":"${'x'.repeat(ROOM)}`);
    expect(await send()).toMatchObject(busy);
    slow.cut();
    await slow.answer;
    await expect.poll(async () => (await send()).status).toBe(200);
  });

  test('turn devices away, too, before their bodies are read', async () => {
    const slow = await beginSlow(`{"body":"${'x'.repeat(ROOM)}`);
    const headers = { 'content-type': FRAMES_MEDIA_TYPE };
    expect(await gateway.call('POST', '/v1/device/sync', '', headers)).toMatchObject(busy);
    slow.cut();
  });
});

test('small bodies count as they are announced', async () => {
  const slow = await beginSlow(`{"body":"${'x'.repeat(ROOM - 50_000)}`);
  expect((await send()).status).toBe(200);
  const small = await beginSlow('{"body":"', { 'content-length': '60000' });
  expect(await send()).toMatchObject(busy);
  small.cut();
  await small.answer;
  expect((await send()).status).toBe(200);
  slow.cut();
});

function beginSlow(text: string, headers: Record<string, string> = {}): Promise<SlowRequest> {
  return beginSlowRequest(gateway, '/v1/queues/orders/messages', text, headers);
}
