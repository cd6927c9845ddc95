import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { chromiumPath } from '../browser/chromium.ts';

/** Where figures come from: without it they mean nothing. */
export interface Surroundings {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly fileSystem: string;
  /** Appends of 4 KiB, each flushed, per second: what the disk allows. */
  readonly flushesPerSecond: number;
  /** Processes that ran or waited for the disk in the minute before: near 0 on a machine that has nothing else to do. */
  readonly loadBefore: number;
  readonly versions: Readonly<Record<string, string>>;
}

const repository = join(import.meta.dirname, '../../..');
const benchFolder = join(repository, 'bench');
/** Magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x01021994: 'tmpfs',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
};
const flushSeconds = 0.5;

export function describeSurroundings(folder: string, versions: Surroundings['versions']): Surroundings {
  const processors = cpus();
  const { type } = statfsSync(folder);
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()}`,
    fileSystem: fileSystems[type] ?? `0x${type.toString(16)}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    flushesPerSecond: Math.round(measureFlushes(folder)),
    versions,
  };
}

/** Of what the scenarios run. */
export function scenarioVersions(): Surroundings['versions'] {
  return {
    ...ownVersions(),
    Chromium: chromiumVersion(),
    'socket.io': versionIn(join(repository, 'node_modules/socket.io')),
    ...peerVersions(['rxdb', 'workbox-background-sync']),
  };
}

/** Of what takes part beside other queue servers; these say their own. */
export function queueVersions(): Surroundings['versions'] {
  return { ...ownVersions(), ...peerVersions(['bullmq', 'ioredis', 'pg-boss', 'amqplib']) };
}

function ownVersions(): Surroundings['versions'] {
  return {
    Fieldpost: versionIn(join(repository, 'packages/sdk')),
    Node: process.versions.node,
    'better-sqlite3': versionIn(join(repository, 'node_modules/better-sqlite3')),
  };
}

function peerVersions(names: readonly string[]): Surroundings['versions'] {
  return Object.fromEntries(names.map((name) => [name, versionIn(join(benchFolder, 'node_modules', name))]));
}

function measureFlushes(folder: string): number {
  const file = openSync(join(folder, 'flushes'), 'w');
  const block = Buffer.alloc(4096, 7);
  const startedAt = performance.now();
  let flushes = 0;
  while (performance.now() - startedAt < flushSeconds * 1000) {
    writeSync(file, block);
    fdatasyncSync(file);
    flushes += 1;
  }
  closeSync(file);
  return (flushes * 1000) / (performance.now() - startedAt);
}

function versionIn(folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function chromiumVersion(): string {
  const text = execFileSync(chromiumPath(), ['--version', '--no-sandbox'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return /[\d.]+/.exec(text)?.[0] ?? text.trim();
}
