import type { Command } from 'commander';
import { z } from 'zod';
import type { CallGateway } from './gateway-client.ts';
import { clientOf, type CommonOptions, operatorCommand, wholeNumber } from './operator-command.ts';
import {
  ageText,
  type Column,
  printAnswer,
  printJson,
  printTable,
  type Row,
  rowOf,
  rowsOf,
} from './print.ts';

const DEVICE_COLUMNS: readonly Column[] = [
  ['DEVICE', 'id'],
  ['SUBJECT', 'subject'],
  ['SEEN', ({ lastSeenAt }) => ageText(lastSeenAt)],
  ['WAITING', 'waitingMessages'],
  [
    'STATE',
    ({ revoked, connected }) => (revoked === true ? 'revoked' : connected === true ? 'connected' : 'away'),
  ],
  ['CLONE', ({ forks }) => (typeof forks === 'number' && forks > 0 ? `possible (${forks})` : '-')],
];
const LOST_COLUMNS: readonly Column[] = [
  ['QUEUE', 'queue'],
  ['PRIORITY', 'priority'],
  ['EPOCH', 'epoch'],
  ['FIRST', 'first'],
  ['LAST', 'last'],
  ['DEVICE', 'device'],
  ['RECORDED', 'recordedAt'],
];
const PAGE = 256;

interface ListOptions extends CommonOptions {
  readonly limit?: number;
}

/** `devices …` and `lost-ranges list`. */
export function addDeviceCommands(program: Command): void {
  const devices = program.command('devices').description('look at devices, and shut them out');
  operatorCommand(devices, 'list', 'list devices by id')
    .option('--limit <number>', 'no more than so many', wholeNumber)
    .action(async (options: ListOptions) => {
      const rows = await allPages(clientOf(options), 'devices', 'devices', options.limit);
      if (options.json === true) return printJson({ devices: rows });
      printTable(rows, DEVICE_COLUMNS, 'no device has said hello yet');
    });
  operatorCommand(devices, 'show <id>', 'show a device').action(
    async (id: string, options: CommonOptions) => {
      printAnswer(await clientOf(options)({ method: 'GET', path: ['devices', id] }), options);
    },
  );
  for (const [verb, description] of [
    ['revoke', 'shut a device out, at once: for one that was lost or stolen'],
    ['reinstate', 'take a revocation back'],
  ] as const) {
    operatorCommand(devices, `${verb} <id>`, description).action(
      async (id: string, options: CommonOptions) => {
        printAnswer(await clientOf(options)({ method: 'POST', path: ['devices', id, verb] }), options);
      },
    );
  }
  const lost = program
    .command('lost-ranges')
    .description('what is gone since the store was restored from an older copy');
  operatorCommand(lost, 'list', 'list lost ranges, stream by stream')
    .option('--limit <number>', 'no more than so many', wholeNumber)
    .action(async (options: ListOptions) => {
      const rows = await allPages(clientOf(options), 'lost-ranges', 'ranges', options.limit);
      if (options.json === true) return printJson({ ranges: rows });
      printTable(rows, LOST_COLUMNS, 'nothing is lost');
    });
}

/** Follows the cursors to the end, or until there are `limit` rows. */
async function allPages(
  call: CallGateway,
  address: string,
  member: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const wanted = Math.max(1, Math.min(PAGE, limit - rows.length));
    const answer = await call({ method: 'GET', path: [address], query: { limit: String(wanted), cursor } });
    rows.push(...rowsOf(answer, member));
    cursor = z.string().optional().parse(rowOf(answer)['cursor']);
  } while (cursor !== undefined && rows.length < limit);
  return rows.slice(0, limit);
}
