import { randomBytes } from 'node:crypto';
import { decodeDown, encodeUp, LIMITS } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeAftermath } from './aftermath.ts';
import { Bystander } from './bystander.ts';
import { invalidCorpus } from './corpus.ts';
import { RawConnection, upgradeRequest } from './raw-connection.ts';
import {
  BINARY,
  CLOSE,
  COMPRESSED_BINARY,
  CONTINUATION,
  PING,
  RawWebSocket,
  SOCKET_PATH,
  TEXT,
  TEXT_UNFINISHED,
} from './raw-web-socket.ts';
import { makeQueue, memoryOf, mintToken, openTarget, readQueue, type Target } from './target.ts';
import { expectFrame, message, WireDevice } from './wire-device.ts';
import { type FrameLink, openLink, openSocket } from './wire-link.ts';
import { within } from './within.ts';

let target: Target;
let token: string;
let bystander: Bystander;
let memoryBefore = 0;
beforeAll(async () => {
  target = await openTarget();
  token = await mintToken(target);
  bystander = await Bystander.open(target);
  await bystander.deliverOne();
  if (target.pid !== undefined) memoryBefore = memoryOf(target.pid);
});
const open: { close(): void }[] = [];
// After each bad input the good client's next message goes through, over the connection that it has had all along.
afterEach(async () => {
  for (const link of open.splice(0)) link.close();
  await bystander.deliverOne();
});
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

const a = message('a');
const placeholder = { _placeholder: true, num: 0 };

/** Connected and ready to send frames, by hand. */
async function connected(): Promise<RawWebSocket> {
  const socket = await RawWebSocket.connected(target, token);
  open.push(socket);
  return socket;
}

/** Opened, with Engine.IO's first packet read; not yet connected. */
async function opened(): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(target);
  open.push(socket);
  expect((await socket.next())?.text).toMatch(/^0\{"sid":/);
  return socket;
}

async function live(): Promise<{ link: FrameLink; device: WireDevice }> {
  const device = new WireDevice(await makeQueue(target));
  const link = await openSocket(target, token);
  open.push(link);
  link.send(encodeUp(device.helloFrame()));
  device.session = expectFrame(await link.next(), 'welcome').session;
  return { link, device };
}

/** The error frame among what came until the connection ended; its code. */
async function codeAndEnd(socket: RawWebSocket): Promise<string | undefined> {
  const messages = await within('the gateway ends the connection', socket.rest());
  for (const { head, bytes } of messages) {
    if (head !== BINARY) continue;
    const frame = decodeDown(bytes);
    if (frame.type === 'error') return frame.code;
  }
  return undefined;
}

test('a hand-made connection delivers, too', async () => {
  const socket = await connected();
  const device = new WireDevice(await makeQueue(target));
  socket.sendFrame(encodeUp(device.helloFrame()));
  await socket.next();
  device.session = expectFrame(
    decodeDown((await socket.next())?.bytes ?? new Uint8Array(0)),
    'welcome',
  ).session;
  socket.sendFrame(encodeUp(device.pushFrame({ entries: [a] })));
  expect((await socket.next())?.text).toMatch(/^451-\["frame",/);
  expect(decodeDown((await socket.next())?.bytes ?? new Uint8Array(0))).toMatchObject({ type: 'ack' });
  expect(await readQueue(target, device.queue)).toHaveLength(1);
});

describe('frames that are none', () => {
  test(
    'every invalid frame of the corpus ends its connection with malformed-frame',
    { timeout: 180_000 },
    async () => {
      const cases = invalidCorpus('up').filter(({ bytes }) => bytes.length <= LIMITS.frameBytes);
      expect(cases.length).toBeGreaterThan(200);
      for (const { name, bytes } of cases) {
        const socket = await RawWebSocket.connected(target, token);
        socket.sendFrame(bytes);
        expect(await codeAndEnd(socket), name).toBe('malformed-frame');
      }
    },
  );

  test('after a welcome too, and what was pushed before stays', async () => {
    const { link, device } = await live();
    link.send(encodeUp(device.pushFrame({ entries: [a] })));
    link.send(Uint8Array.of(0xc1));
    // Whether an ack still gets out is chance; that the message is kept is not.
    let answer = await link.next();
    if (answer.type === 'ack') answer = await link.next();
    expect(answer).toMatchObject({ type: 'error', code: 'malformed-frame' });
    await link.ended;
    expect(await device.pushRun(await openLink('HTTP', target, token), { entries: [a] })).toMatchObject({
      accepted: 1,
    });
    expect(await readQueue(target, device.queue)).toHaveLength(1);
  });
});

describe('events that are none of ours', () => {
  test.each<[string, unknown[]]>([
    ['another name', ['message', placeholder]],
    ['a name of objects', ['__proto__', placeholder]],
    ['constructor', ['constructor', placeholder]],
    ['an empty name', ['', placeholder]],
    ['a number for a name', [7, placeholder]],
    ['a frame and more', ['frame', { a: placeholder }]],
    ['a placeholder that is none', ['frame', { _placeholder: true, num: 'x' }]],
  ])('with %s ends its connection', async (_name, event) => {
    const socket = await connected();
    socket.send(TEXT, `451-${JSON.stringify(event)}`);
    socket.send(BINARY, encodeUp({ type: 'token', token: 'x' }));
    const code = await codeAndEnd(socket);
    expect([undefined, 'malformed-frame']).toContain(code);
    expect(socket.connection.isOpen).toBe(false);
  });

  test.each([
    'connect',
    'connect_error',
    'disconnect',
    'disconnecting',
    'newListener',
    'removeListener',
    'error',
  ])('with the reserved name %s ends its connection', async (name) => {
    const socket = await connected();
    socket.send(TEXT, `42${JSON.stringify([name, 'x'])}`);
    const code = await codeAndEnd(socket);
    expect([undefined, 'malformed-frame']).toContain(code);
  });

  test.each<[string, unknown[]]>([
    ['a text', ['frame', 'hello']],
    ['a list of numbers', ['frame', [...encodeUp({ type: 'token', token: 'x' })]]],
    ['a buffer as JSON', ['frame', { type: 'Buffer', data: [1] }]],
    ['nothing', ['frame']],
  ])('a frame event with %s is malformed', async (_name, event) => {
    const socket = await connected();
    socket.send(TEXT, `42${JSON.stringify(event)}`);
    expect(await codeAndEnd(socket)).toBe('malformed-frame');
  });

  test('a frame event with two frames takes neither for granted', async () => {
    const socket = await connected();
    socket.send(TEXT, `452-${JSON.stringify(['frame', placeholder, { _placeholder: true, num: 1 }])}`);
    const hello = encodeUp(new WireDevice('orders').helloFrame());
    socket.send(BINARY, hello);
    socket.send(BINARY, hello);
    expect(await codeAndEnd(socket)).toBe('malformed-frame');
  });

  test('an event that asks for an acknowledgement gets none', async () => {
    const socket = await connected();
    socket.send(TEXT, '427["frame","x"]');
    const rest = await within('the end', socket.rest());
    expect(rest.filter(({ text }) => /^4[36]/.test(text))).toEqual([]);
  });

  test('eleven attachments end the connection before they are gathered', async () => {
    const socket = await connected();
    const event = ['frame', ...Array.from({ length: 11 }, (_, num) => ({ _placeholder: true, num }))];
    socket.send(TEXT, `4511-${JSON.stringify(event)}`);
    for (let sent = 0; sent < 11; sent++) socket.send(BINARY, Buffer.alloc(1024));
    await codeAndEnd(socket);
    expect(socket.connection.isOpen).toBe(false);
  });

  test.each([
    ['a count that is no number', '45x-["frame",{"_placeholder":true,"num":0}]'],
    ['a huge count', '4599999999999-["frame",{"_placeholder":true,"num":0}]'],
    ['a packet type that is none', '4x'],
    ['an Engine.IO type that is none', 'x'],
    ['JSON that ends too early', '42["frame"'],
    ['JSON 10,000 levels deep', `42["frame",${'['.repeat(10_000)}${']'.repeat(10_000)}]`],
    ['another namespace', '40/admin,{}'],
    ['an acknowledgement that nobody asked for', '431["x"]'],
    ['a binary message without its head', undefined],
  ])('%s leaves the others alone', async (_name, packet) => {
    const socket = await connected();
    if (packet === undefined) socket.send(BINARY, Buffer.alloc(10));
    else socket.send(TEXT, packet);
    socket.sendFrame(Uint8Array.of(0xc1));
    await codeAndEnd(socket);
    expect(socket.connection.isOpen).toBe(false);
  });
});

describe('before the token', () => {
  test.each([
    ['an event', '42["frame","x"]'],
    ['a binary event', '451-["frame",{"_placeholder":true,"num":0}]'],
    ['an acknowledgement', '431["x"]'],
    ['a disconnect', '41'],
  ])(
    '%s ends the connection or is passed over, and takes nothing',
    async (_name, packet) => {
      const socket = await opened();
      const device = new WireDevice(await makeQueue(target));
      socket.send(TEXT, packet);
      socket.send(BINARY, encodeUp(device.helloFrame()));
      await within('the gateway ends the connection', socket.connection.ended, 30_000);
      expect(await readQueue(target, device.queue)).toEqual([]);
      // The hello was never heard: the device's first session is still to come.
      expect((await device.hello(await openLink('HTTP', target, token))).session.number).toBe(1);
    },
    40_000,
  );

  test.each([
    ['none', '40'],
    ['null', '40null'],
    ['a list', '40["x"]'],
    ['a bad one', '40{"token":"x"}'],
    ['one among prototypes', '40{"__proto__":{"token":"x"},"constructor":{"token":"x"}}'],
  ])('with %s the handshake is refused', async (_name, packet) => {
    const socket = await opened();
    socket.send(TEXT, packet);
    const answer = await socket.next();
    if (answer !== undefined) expect(answer.text).not.toMatch(/^40/);
    if (answer?.text.startsWith('44') === true) expect(answer.text).toContain('"code":"unauthorized"');
  });

  test('connections that never say anything are ended', { timeout: 60_000 }, async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => RawWebSocket.open(target)));
    await bystander.deliverOne();
    await within('all are ended', Promise.all(sockets.map((socket) => socket.connection.ended)), 50_000);
  });
});

describe('the handshake', () => {
  test.each<[string, string, readonly string[]]>([
    ['long polling', '/v1/socket/?EIO=4&transport=polling', []],
    ['an older Engine.IO', '/v1/socket/?EIO=3&transport=websocket', []],
    ['no transport', '/v1/socket/', []],
    ['a transport of objects', '/v1/socket/?EIO=4&transport=__proto__', []],
    ['an sid that does not exist', `${SOCKET_PATH}&sid=AAAAAAAAAAAAAAAAAAAA`, []],
    ['another path', '/socket.io/?EIO=4&transport=websocket', []],
    ['another WebSocket version', SOCKET_PATH, ['Sec-WebSocket-Version: 7']],
  ])('%s opens no WebSocket', async (_name, path, headers) => {
    const connection = await RawConnection.open(target);
    open.push(connection);
    connection.write(upgradeRequest(target, path, headers));
    await expectNothingOpened(connection);
  });

  test('an sid taken a second time opens nothing, and the first goes on', async () => {
    const first = await RawWebSocket.open(target);
    open.push(first);
    const { sid } = JSON.parse((await first.next())?.text.slice(1) ?? '{}') as { sid: string };
    const connection = await RawConnection.open(target);
    open.push(connection);
    connection.write(upgradeRequest(target, `${SOCKET_PATH}&sid=${sid}`));
    await expectNothingOpened(connection);
    first.send(TEXT, `40${JSON.stringify({ token })}`);
    expect((await first.next())?.text).toMatch(/^40/);
  });
});

describe('WebSocket frames', () => {
  test('1 GB announced and one byte sent ends the connection at once', async () => {
    const socket = await connected();
    socket.send(BINARY, 'x', 1_073_741_824n);
    await within('the end', socket.connection.ended);
  });

  test('a length of 2^63 ends the connection at once', async () => {
    const socket = await connected();
    socket.send(BINARY, 'x', 2n ** 63n - 1n);
    await within('the end', socket.connection.ended);
  });

  test('a message over the limit ends the connection', async () => {
    const socket = await connected();
    socket.send(TEXT, '451-["frame",{"_placeholder":true,"num":0}]');
    socket.send(BINARY, Buffer.alloc(LIMITS.frameBytes + 64 * 1024));
    await within('the end', socket.connection.ended);
  });

  test('fragments without end are cut at the limit', async () => {
    const socket = await connected();
    socket.send(TEXT_UNFINISHED, '42["frame","');
    const fragment = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < 12 && socket.connection.isOpen; sent++) socket.send(CONTINUATION, fragment);
    await within('the end', socket.connection.ended);
  });

  test('compression that was not agreed ends the connection', async () => {
    const socket = await connected();
    socket.send(COMPRESSED_BINARY, randomBytes(100));
    await within('the end', socket.connection.ended);
  });

  test('a frame without a mask ends the connection', async () => {
    const socket = await connected();
    socket.sendUnmasked(TEXT, '2');
    await within('the end', socket.connection.ended);
  });

  test('a ping of 126 bytes ends the connection', async () => {
    const socket = await connected();
    socket.send(PING, Buffer.alloc(126));
    await within('the end', socket.connection.ended);
  });

  test('text that is not UTF-8 ends the connection', async () => {
    const socket = await connected();
    socket.send(TEXT, Buffer.from('34ff80', 'hex'));
    await within('the end', socket.connection.ended);
  });
});

describe('floods', () => {
  test('ten thousand pings', async () => {
    const socket = await connected();
    for (let sent = 0; sent < 10_000; sent++) socket.send(PING, 'x');
    await bystander.deliverOne();
  });

  test(
    'pushes far beyond the window: it is told to wait, then let go, and none is stored twice',
    { timeout: 90_000 },
    async () => {
      const { link, device } = await live();
      const [text, count] = ['x'.repeat(1000), 20_000] as const;
      const push = encodeUp(device.pushFrame({ entries: [message(text), message('second')] }));
      for (let sent = 0; sent < count; sent++) link.send(push);
      await bystander.deliverOne();
      await within('the gateway ends the connection', link.ended);
      let told = 0;
      for (;;) {
        const answer = await link.next().catch(() => undefined);
        if (answer === undefined) break;
        if (answer.type === 'ack') expect(answer.streams[0]?.accepted).toBe(2);
        else expect(answer).toMatchObject({ type: 'error', code: 'busy' });
        if (answer.type === 'error') told++;
      }
      expect(told).toBeGreaterThan(LIMITS.windowFrames);
      expect((await readQueue(target, device.queue)).map(({ body }) => body)).toEqual([text, 'second']);
    },
  );

  test('two hundred connections at once, each with a hello', { timeout: 60_000 }, async () => {
    const links = await Promise.all(Array.from({ length: 200 }, () => openSocket(target, token)));
    open.push(...links);
    const devices = links.map(() => new WireDevice('orders'));
    for (const [index, link] of links.entries())
      link.send(encodeUp(devices[index]?.helloFrame() ?? new WireDevice('orders').helloFrame()));
    for (const link of links) expectFrame(await link.next(), 'welcome');
  });
});

describeAftermath(() => ({ target, token, bystander, memoryBytes: memoryBefore }));

/** Refused before the upgrade, or closed behind it without the packet that opens Engine.IO. */
async function expectNothingOpened(connection: RawConnection): Promise<void> {
  const { status } = await connection.answer();
  if (status !== 101) return;
  const first = await connection.when('a WebSocket frame arrives', (received) => {
    const start = received.indexOf('\r\n\r\n') + 4;
    return received.length > start + 1 ? received.subarray(start) : undefined;
  });
  const [head] = first ?? [];
  const text = first?.subarray(2).toString('latin1') ?? '';
  expect(head === undefined || head === CLOSE || !text.startsWith('0'), text).toBe(true);
}
