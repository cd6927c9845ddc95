import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { examplesOf } from './examples.ts';

// The README's two examples, one after the other: what the app sends, the consumer books. As they stand but for the
// gateway's address, a store in memory where a browser has IndexedDB, and the functions that a reader has.

const [app = '', server = '', ...others] = examplesOf('README.md');
let gateway: GatewayProcess;
let token: string;

beforeAll(async () => {
  gateway = await startGatewayProcess();
  token = await gateway.token();
});
afterAll(() => gateway.dispose());

test('the app has its five lines, and there are no examples but these two', () => {
  expect(others).toEqual([]);
  expect(app.split('\n').filter((line) => line.trim() !== '')).toHaveLength(4);
});

test('the order that the app sends is in the queue, and the consumer books it', async () => {
  const queue = new QueueAtGateway({ name: 'orders', url: () => gateway.url, token });
  await run(
    `import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
     const fetchToken = () => ${JSON.stringify(token)};
     ${app.replace(`gateway: 'https://gateway.example',`, `gateway: '${gateway.url}', surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },`)}
     await post.close();`,
  );
  expect(await queue.ids()).toHaveLength(1);
  const booked = await run(
    `const gateway = '${gateway.url}';
     const token = ${JSON.stringify(token)};
     const book = async (order) => console.log(JSON.stringify(order));
     ${server.replace('await message.ack();', 'await message.ack(); break;')}`,
  );
  expect(JSON.parse(booked)).toMatchObject({ customer: 'CG-12520' });
  expect(await queue.isEmpty()).toBe(true);
});

test('every command of the page is a script of this project', () => {
  const scripts: unknown = JSON.parse(readFileSync('package.json', 'utf8'));
  const commands = [...readFileSync('README.md', 'utf8').matchAll(/npm run ([a-z:-]+)/g)].map(
    ([, name]) => name,
  );
  expect(commands.length).toBeGreaterThan(1);
  expect(Object.keys(Object(Reflect.get(Object(scripts), 'scripts')))).toEqual(
    expect.arrayContaining(commands),
  );
});

function run(code: string): Promise<string> {
  const args = ['--conditions=@fieldpost/source', '--input-type=module-typescript', '--eval', code];
  const options = { cwd: import.meta.dirname, env: { ...process.env, NO_COLOR: '1' } };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr));
    });
  });
}
