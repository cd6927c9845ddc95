import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';

/** Answers every byte with the same byte; remembers its sockets. */
let echo: Server;
let echoed: Socket[];
let echoPort: number;
let proxy: TcpProxy;
let clients: Socket[];

beforeEach(async () => {
  clients = [];
  await startEcho();
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await proxy.close();
  await stopEcho();
});

test('passes bytes both ways, whole and in order, and counts them', async () => {
  await start();
  const client = await dial();
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  client.write(sent);
  const received = await read(client, sent.length);
  expect(received.equals(sent)).toBe(true);
  expect(proxy.counters).toMatchObject({ connections: 1, bytesUp: 300_000, bytesDown: 300_000 });
});

test('hands on the end of one side and still carries the other', async () => {
  await start();
  const client = await dial({ allowHalfOpen: true });
  client.end('last words');
  expect((await read(client, 10)).toString()).toBe('last words');
  await once(client, 'end');
  await until(() => proxy.openConnections() === 0);
});

test('asks for the target at each connection', async () => {
  await start();
  await ask(await dial(), 'one');
  await stopEcho();
  await startEcho();
  await ask(await dial(), 'two');
  expect(proxy.counters.connections).toBe(2);
});

test('resets the client when nothing listens at the target', async () => {
  await start();
  await stopEcho();
  expect(await endOf(dialing())).toBe('ECONNRESET');
});

test('refuse resets new connections and leaves open ones alone', async () => {
  await start();
  const open = await dial();
  await ask(open, 'before');
  proxy.setMode({ kind: 'refuse' });
  expect(await endOf(dialing())).toBe('ECONNRESET');
  await ask(open, 'still');
  expect(proxy.counters.faults).toMatchObject({ refuse: 1, cut: 0 });
  expect(echoed).toHaveLength(1);
});

test('stall accepts and holds; pass lets everything through that was held', async () => {
  await start();
  const open = await dial();
  await ask(open, 'before');
  proxy.setMode({ kind: 'stall' });
  const late = await dial();
  late.write('late');
  open.write('held');
  // A second proxied path takes as long as the held bytes would have: it has answered, they have not.
  await roundTripElsewhere();
  expect([open.bytesRead, late.bytesRead]).toEqual([6, 0]);
  expect(echoed).toHaveLength(1);
  proxy.setMode({ kind: 'pass' });
  expect((await read(open, 4)).toString()).toBe('held');
  expect((await read(late, 4)).toString()).toBe('late');
  expect(proxy.counters.faults.stall).toBe(2);
});

test('cut resets both sides at once', async () => {
  await start();
  const client = await dial();
  await ask(client, 'hello');
  const [served] = echoed;
  const [clientEnd, servedEnd] = [endOf(client), endOf(served)];
  expect(proxy.cut()).toBe(1);
  expect(await clientEnd).toBe('ECONNRESET');
  expect(await servedEnd).toBe('ECONNRESET');
  expect(proxy.counters.faults.cut).toBe(1);
  expect(proxy.openConnections()).toBe(0);
});

test('cut after N bytes up: the target has exactly N, then a reset; then it passes again', async () => {
  await start();
  const client = await dial();
  await ask(client, 'start');
  const arrived = collect(echoed[0]);
  proxy.setMode({ kind: 'cut-after', direction: 'up', bytes: 7 });
  client.write('0123');
  await read(client, 4);
  const ended = endOf(client);
  client.write('456789');
  expect(await ended).toBe('ECONNRESET');
  expect((await arrived).toString()).toBe('0123456');
  expect(proxy.counters.faults['cut-after-up']).toBe(1);
  expect(proxy.mode.kind).toBe('pass');
  await ask(await dial(), 'again');
});

test('cut after N bytes down: the client has exactly N of the answer', async () => {
  await start();
  const client = await dial();
  proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 3 });
  const arrived = collect(client);
  client.write('answer');
  expect((await arrived).toString()).toBe('ans');
  expect(proxy.counters.faults['cut-after-down']).toBe(1);
});

test('half-open swallows for ever and tells nobody', async () => {
  await start();
  const client = await dial();
  await ask(client, 'hello');
  proxy.setMode({ kind: 'half-open' });
  client.write('into the void');
  const late = await dial();
  late.write('also');
  proxy.setMode({ kind: 'pass' });
  await ask(await dial(), 'a new connection works');
  client.write('still nothing');
  await roundTripElsewhere();
  expect([client.bytesRead, late.bytesRead]).toEqual([5, 0]);
  expect([client.destroyed, late.destroyed]).toEqual([false, false]);
  expect(proxy.counters.faults['half-open']).toBe(2);
});

test('half-open: the end of one side is not told to the other', async () => {
  await start();
  const client = await dial();
  await ask(client, 'hello');
  const [served] = echoed;
  proxy.setMode({ kind: 'half-open' });
  client.destroy();
  await roundTripElsewhere();
  expect(served?.readableEnded).toBe(false);
  expect(served?.destroyed).toBe(false);
});

test('delay holds each direction back by that much', async () => {
  await start({ delayMs: 40 });
  const client = await dial();
  const from = performance.now();
  await ask(client, 'there and back');
  expect(performance.now() - from).toBeGreaterThanOrEqual(79);
});

test('the bandwidth is shared by all connections, and counts in both directions', async () => {
  const bytesPerSecond = 200_000;
  await start({ bytesPerSecond });
  const [one, two] = [await dial(), await dial()];
  const from = performance.now();
  const payload = Buffer.alloc(20_000, 7);
  one.write(payload);
  two.write(payload);
  await Promise.all([read(one, payload.length), read(two, payload.length)]);
  const seconds = (performance.now() - from) / 1000;
  expect(seconds).toBeGreaterThanOrEqual((2 * payload.length) / bytesPerSecond);
});

test('a slow line tells its source to wait instead of taking everything in', async () => {
  await start({ bytesPerSecond: 1_000_000 });
  const client = await dial();
  const total = 32 * 1024 * 1024;
  client.write(Buffer.alloc(total));
  await read(client, 50_000);
  expect(client.writableLength).toBeGreaterThan(0);
});

test('close resets what is open, held connections too, and leaves no socket', async () => {
  await start();
  const open = await dial();
  await ask(open, 'hello');
  proxy.setMode({ kind: 'stall' });
  const held = await dial();
  const ends = [endOf(open), endOf(held)];
  await proxy.close();
  expect(await Promise.all(ends)).toEqual(['ECONNRESET', 'ECONNRESET']);
  expect(proxy.openConnections()).toBe(0);
  await until(() => echoed.every((socket) => socket.destroyed));
});

async function start(conditions: Omit<TcpProxyOptions, 'target'> = {}): Promise<void> {
  proxy = await startTcpProxy({ ...conditions, target: () => ({ host: '127.0.0.1', port: echoPort }) });
}

async function startEcho(): Promise<void> {
  const sockets: Socket[] = [];
  echoed = sockets;
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  echoPort = (echo.address() as AddressInfo).port;
}

async function stopEcho(): Promise<void> {
  for (const socket of echoed) socket.destroy();
  await new Promise((resolve) => echo.close(resolve));
}

async function dial(options: { readonly allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const client = dialing(options);
  await once(client, 'connect');
  return client;
}

function dialing(options: { readonly allowHalfOpen?: boolean } = {}): Socket {
  const client = connect({ host: '127.0.0.1', port: proxy.port, ...options });
  clients.push(client);
  client.on('error', () => undefined);
  return client;
}

/** One connection and echo that do not pass the proxy: by then, what the proxy would have carried has arrived. */
async function roundTripElsewhere(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const direct = connect(echoPort, '127.0.0.1');
    clients.push(direct);
    await once(direct, 'connect');
    await ask(direct, 'elsewhere');
    echoed.pop();
  }
}

async function ask(socket: Socket, text: string): Promise<void> {
  socket.write(text);
  expect((await read(socket, text.length)).toString()).toBe(text);
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const chunk: unknown = socket.read(Math.min(bytes - length, socket.readableLength || 1));
    if (Buffer.isBuffer(chunk)) {
      chunks.push(chunk);
      length += chunk.length;
    } else {
      await once(socket, 'readable');
    }
  }
  return Buffer.concat(chunks);
}

/** Everything that arrives until the socket is over. */
function collect(socket: Socket | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => socket?.on('close', () => resolve(Buffer.concat(chunks))));
}

/** How a socket ended: the code of its error, or `closed`. */
function endOf(socket: Socket | undefined): Promise<string> {
  return new Promise((resolve) => {
    socket?.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket?.on('close', () => resolve('closed'));
    socket?.resume();
  });
}

async function until(fact: () => boolean): Promise<void> {
  const from = performance.now();
  while (!fact()) {
    if (performance.now() - from > 5000) throw new Error(`not within 5 s: ${fact.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
