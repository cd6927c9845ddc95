import { connect } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess, TEST_SECRET } from '../support/gateway-process.ts';
import { until } from '../support/until.ts';
import { RawConnection, upgradeRequest } from './raw-connection.ts';
import { RawWebSocket, SOCKET_PATH } from './raw-web-socket.ts';
import { makeQueue, mintToken, type Target } from './target.ts';
import { type FrameLink, openSocket } from './wire-link.ts';

// A gateway that keeps three connections, two of one subject.

let gateway: GatewayProcess;
let target: Target;
beforeAll(async () => {
  gateway = await startGatewayProcess({
    mode: 'secret',
    environment: { FIELDPOST_CONNECTIONS_MAX: '3', FIELDPOST_CONNECTIONS_PER_SUBJECT_MAX: '2' },
  });
  target = {
    url: gateway.url,
    host: '127.0.0.1',
    port: gateway.port,
    secret: new TextEncoder().encode(TEST_SECRET),
    pid: gateway.pid,
    close: () => gateway.dispose(),
  };
});
afterAll(() => gateway.dispose());
const links: { close(): void }[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.close();
});

const busy = expect.objectContaining({ code: 'busy' });

test('one too many is told to come again, others are served, and a place that is left is given again', async () => {
  const first = await openSoon('anna');
  await openSoon('anna');
  await expect(open('anna')).rejects.toEqual(busy);
  await openSoon('ben');
  await expect(open('cleo')).rejects.toEqual(busy);
  expect((await fetch(`${target.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${target.url}/readyz`)).status).toBe(200);
  first.close();
  await openSoon('cleo');
});

test('how long to wait is said where the code is, and the connection of who was refused ends', async () => {
  for (const subject of ['anna', 'ben', 'cleo']) await openSoon(subject);
  const raw = await RawWebSocket.open(target);
  links.push(raw);
  await raw.next();
  raw.send(0x81, `40${JSON.stringify({ token: await mintToken(target, { subject: 'dora' }) })}`);
  const answer = (await raw.next())?.text ?? '';
  expect(answer).toMatch(/^44/);
  expect(JSON.parse(answer.slice(2))).toMatchObject({ data: { code: 'busy', retryAfterMs: 10_000 } });
  await raw.rest();
});

test('a device that is told so waits, and delivers when there is a place', { timeout: 60_000 }, async () => {
  const queue = await makeQueue(target);
  const held = [await openSoon('anna'), await openSoon('ben'), await openSoon('cleo')];
  const post = await connect({
    gateway: target.url,
    token: () => mintToken(target, { subject: 'dora' }),
    surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },
  });
  const sent = await post.queue(queue).send('patient');
  await until(() => post.status.get().state === 'waiting');
  expect(post.status.get()).toMatchObject({ pending: 1, problems: [] });
  const toldAt = performance.now();
  for (const link of held) link.close();
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  // As long as the gateway asked for, and not by another way meanwhile.
  expect(performance.now() - toldAt).toBeGreaterThan(9_000);
  await post.close();
});

test(
  'handshakes under way are bounded too: beyond that no WebSocket opens',
  { timeout: 60_000 },
  async () => {
    const told = 3 + 256;
    for (let count = 0; count < told; count++) links.push(await RawWebSocket.open(target));
    const one = await RawConnection.open(target);
    links.push(one);
    one.write(upgradeRequest(target, SOCKET_PATH));
    const { status, text } = await one.answer();
    expect(status).toBe(400);
    expect(text).toContain('busy');
    expect((await fetch(`${target.url}/healthz`)).status).toBe(200);
  },
);

async function open(subject: string): Promise<FrameLink> {
  const link = await openSocket(target, await mintToken(target, { subject }));
  links.push(link);
  return link;
}

/** As {@link open}, once the gateway has seen that what was there before is gone. */
async function openSoon(subject: string): Promise<FrameLink> {
  let link: FrameLink | undefined;
  const isOpen = async (): Promise<boolean> => {
    link = await open(subject).catch(() => undefined);
    return link !== undefined;
  };
  await until(isOpen, { withinMs: 15_000, what: `there is a place for ${subject}` });
  if (link === undefined) throw new Error('no link');
  return link;
}
