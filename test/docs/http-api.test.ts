import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

// The requests of docs/guides/http-api.md, made as they stand and in their order, answer what the page says.

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await startGatewayProcess();
}, 60_000);
afterAll(() => gateway.dispose());

test('every request of the page gets the answer of the page', async () => {
  const exchanges = exchangesOf(
    readFileSync(new URL('../../docs/guides/http-api.md', import.meta.url), 'utf8'),
  );
  expect(exchanges.length).toBeGreaterThan(5);
  const headers = { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' };
  let receipt = '';
  for (const { method, path, body, answer } of exchanges) {
    const request = body === '' ? {} : { body: body.replace('RECEIPT', receipt) };
    const response = await fetch(`${gateway.url}${path}`, { method, headers, ...request });
    const text = await response.text();
    receipt = /"receipt":"([^"]+)"/.exec(text)?.[1] ?? receipt;
    expect(JSON.parse(text), `${method} ${path}`).toEqual(withAnyText(JSON.parse(answer)));
    // Where the page shows digits that no number holds, the answer has them.
    for (const [digits] of answer.matchAll(/\d{17,}\.\d+/g)) expect(text).toContain(digits);
  }
});

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly answer: string;
}

/** Each block of HTTP, with the block of JSON that follows it. */
function exchangesOf(page: string): Exchange[] {
  const blocks = page.matchAll(
    /```http\n(?<method>\w+) (?<path>\S+)\n(?<body>[^`]*)```\n\n```json\n(?<answer>[^`]*)```/g,
  );
  return [...blocks].map(({ groups = {} }) => {
    const { method = '', path = '', body = '', answer = '' } = groups;
    return { method, path, body: body.trim(), answer };
  });
}

/** The same value, with any text where it has `…`. */
function withAnyText(value: unknown): unknown {
  if (value === '…') return expect.any(String);
  if (Array.isArray(value)) return value.map(withAnyText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withAnyText(inner)]));
}
