import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RowBook } from './measure/row-book.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { installPeers } from './prepare/install-peers.ts';
import { installServers } from './prepare/install-servers.ts';
import { describeSurroundings, queueVersions, scenarioVersions } from './prepare/surroundings.ts';
import { runProfile } from './profile/run-profile.ts';
import { queueContestants } from './queues/contestants.ts';
import { runQueues } from './queues/run-queues.ts';
import { updateGuide } from './report/guide.ts';
import { machineLine, reportMarkdown } from './report/markdown.ts';
import { profileTables } from './report/profile-markdown.ts';
import type { Report } from './report/report.ts';
import { asMarkdown, asText, type Table, tablesOf } from './report/table.ts';
import { judge } from './report/targets.ts';
import { runScenarios } from './run-scenarios.ts';
import { slowLinkBounds } from './scenarios/slow-link.ts';
import { orderBytes } from './scenarios/wire-bytes.ts';

// Fieldpost beside its alternatives, in one run on one machine. See docs/guides/performance.md.

const results = join(import.meta.dirname, '../results');
const sampleOrders = 1000;

const options = read(process.argv.slice(2));
const startedAt = new Date();
const folder = mkdtempSync(join(tmpdir(), 'fieldpost-bench-'));
process.on('SIGINT', () => process.exit(130));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
await (options.profile ? profile(options) : measure(options));

async function measure({ suite, sizes, only, install, seed, json }: BenchOptions): Promise<void> {
  installPeers(say);
  if (install) installServers(queueContestants, say);
  const book = new RowBook();
  const versions = suite === 'queues' ? queueVersions() : scenarioVersions();
  const surroundings = describeSurroundings(folder, versions);
  const context = { sizes, seed, book, say, folder };
  const queues = suite === 'queues' ? await runQueues(context, queueContestants) : undefined;
  if (suite === 'scenarios') await runScenarios(context, only);
  const rows = book.rows();
  const report: Report = {
    startedAt: startedAt.toISOString(),
    command: commandLine(process.argv.slice(2)),
    sizes: sizes.name,
    seed,
    seconds: secondsSoFar(),
    orderBytes: orderBytes(seed, sampleOrders) / sampleOrders,
    surroundings,
    rows,
    targets: judge({ rows, slowLinkMostSeconds: slowLinkBounds(seed, sizes.slowLink).most }),
    ...(queues !== undefined && { queues }),
  };
  if (options.save) save(report);
  const text = [machineLine(surroundings), ...tablesOf(report).map(asText)].join('\n\n');
  console.log(json ? JSON.stringify(report) : text);
}

async function profile({ sizes, seed, json }: BenchOptions): Promise<void> {
  const works = await runProfile({ sizes, seed, book: new RowBook(), say, folder });
  const tables = profileTables(works);
  if (json) console.log(JSON.stringify(works));
  else console.log(tables.map(asText).join('\n\n'));
  if (options.save) saveProfile(tables);
}

function saveProfile(tables: readonly Table[]): void {
  const command = `\`${commandLine(process.argv.slice(2))}\``;
  const head = [
    '# Where the time goes',
    '',
    `${command}, ${startedAt.toISOString()}. Written by the command; not edited.`,
    '',
    "Samples of what the processor did in one process, per 0.2 ms. `(idle)` is waiting: for the disk, the browser's own",
    'processes, or the other side; for a gateway that is fed by another process, also for the work to be prepared.',
    '`(program)` is code of the browser or of Node itself.',
    '',
  ];
  mkdirSync(results, { recursive: true });
  const body = tables.flatMap((table) => [asMarkdown(table), '']);
  writeFileSync(join(results, 'profile.md'), [...head, ...body].join('\n'));
  say('wrote bench/results/profile.md');
}

function save(report: Report): void {
  mkdirSync(results, { recursive: true });
  const name = report.queues === undefined ? 'latest' : 'queues';
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(results, `${name}.md`), reportMarkdown(report));
  updateGuide(report);
  say(`wrote bench/results/${name}.md and ${name}.json, and the figures in docs/guides/performance.md`);
}

function commandLine(argv: readonly string[]): string {
  return argv.length === 0 ? 'npm run bench' : `npm run bench -- ${argv.join(' ')}`;
}

function read(argv: readonly string[]): BenchOptions {
  try {
    const given = readOptions(argv);
    if (given !== 'help') return given;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

function say(what: string): void {
  console.error(`${secondsSoFar().toFixed(0).padStart(4)} s  ${what}`);
}

function secondsSoFar(): number {
  return (Date.now() - startedAt.getTime()) / 1000;
}
