import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GATEWAY_STORES, OUTBOX_STORES } from './registry.ts';

const PORTS = [
  {
    port: 'GatewayStore',
    adapters: 'packages/gateway/src/adapters',
    listed: GATEWAY_STORES.map(({ folder }) => folder),
  },
  {
    port: 'OutboxStore',
    adapters: 'packages/sdk/src/adapters',
    listed: OUTBOX_STORES.map(({ folder }) => folder),
  },
];

test.each(PORTS)('every adapter of $port runs its suite', ({ port, adapters, listed }) => {
  const found = foldersThatImplement(port, join(import.meta.dirname, '../..', adapters));
  expect(
    found,
    `list each in test/adapters/registry.ts, so that the suite of ${port} runs against it`,
  ).toEqual([...listed].sort());
});

function foldersThatImplement(port: string, adapters: string): string[] {
  const implementation = new RegExp(`\\bclass \\w+[^{]*\\bimplements\\b[^{]*\\b${port}\\b|\\): ${port} \\{`);
  const folders = readdirSync(adapters, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map((folder) => folder.name)
    .filter((name) => sourcesIn(join(adapters, name)).some((source) => implementation.test(source)))
    .sort();
}

function sourcesIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
}
