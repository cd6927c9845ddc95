import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { examplesOf } from './examples.ts';

// The examples of docs/guides/sending.md, run as they stand but for two things: the gateway's address, and a store in
// memory where a browser has IndexedDB.

const [send = '', setAside = '', takenBack = '', transaction = '', ...others] =
  examplesOf('docs/guides/sending.md');
let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await startGatewayProcess();
});
afterAll(() => gateway.dispose());

test('every example of the page is run here', () => {
  expect(others).toEqual([]);
  expect(transaction).not.toBe('');
});

test('what the first example sends is in the queue', async () => {
  const output = await run(send);
  const [id, outcome] = output.trim().split(' ');
  expect(outcome).toBe('delivered');
  const queue = new QueueAtGateway({ name: 'orders', url: () => gateway.url, token: await gateway.token() });
  expect(await queue.ids()).toEqual([id]);
});

test('the second example shows and forgets what was refused', async () => {
  const output = await run(setAside, REFUSED);
  expect(output).toMatch(/^[0-9a-f-]{36} queue-not-found \{ n: 1 \}\nleft: 0\n$/);
});

test('the third example takes back what it should not have sent', async () => {
  const lines = (await run(takenBack)).trim().split('\n');
  expect(lines[1]).toMatch(lines[0] === 'cancelled' ? /^delivered cancelled$/ : /^delivered delivered$/);
  expect(['cancelled', 'already-delivered']).toContain(lines[0]);
});

test('the fourth example sends two messages to two queues', async () => {
  expect(await run(transaction)).toBe('delivered delivered\n');
});

const STORE = `import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
const database = new MemoryDatabase();
`;
/** Names that begin so belong to the gateway, which makes no such queue. */
const REFUSED = `const before = await connect({ gateway: 'http://127.0.0.1:4100', token: fetchToken, subject: 'anna' });
await (await before.queue('sys.none').send({ n: 1 })).delivered;
await before.close();
`;
const END = `console.error('left: ' + (await post.outbox.list()).length); await post.close();`;

function run(example: string, before = ''): Promise<string> {
  const [imports = '', ...rest] = example.split('\n\n');
  const code = [STORE, imports, before, ...rest, END]
    .join('\n\n')
    .replaceAll(/subject: 'anna',?/g, 'surroundings: { store: createMemoryOutboxStore(database) },')
    .replaceAll('http://127.0.0.1:4100', gateway.url);
  const args = ['--conditions=@fieldpost/source', '--input-type=module-typescript', '--eval', code];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { cwd: import.meta.dirname, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        if (error !== null) reject(new Error(stderr));
        else resolve(before === '' ? stdout : stdout + stderr);
      },
    );
  });
}
