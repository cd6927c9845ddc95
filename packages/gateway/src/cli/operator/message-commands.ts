import type { Command } from 'commander';
import { clientOf, type CommonOptions, operatorCommand } from './operator-command.ts';
import { type Column, print, printJson, printTable, rowOf, rowsOf, textOf } from './print.ts';

const EVENT_COLUMNS: readonly Column[] = [
  ['AT', 'at'],
  ['EVENT', 'event'],
  ['QUEUE', 'queue'],
  ['CODE', 'code'],
  ['DELIVERIES', 'deliveryCount'],
  ['REASON', 'reason'],
];

/** `messages …` */
export function addMessageCommands(program: Command): void {
  const messages = program.command('messages').description('tell what became of messages');
  operatorCommand(messages, 'show <id>', 'tell where a message is, and how it came there')
    .option('--queue <queue>', 'look in this queue and its subqueues only: faster')
    .action(async (id: string, options: CommonOptions & { readonly queue?: string }) => {
      const query = { queue: options.queue };
      const answer = await clientOf(options)({ method: 'GET', path: ['messages', id], query });
      if (options.json === true) return printJson(answer);
      for (const place of rowsOf(answer, 'places')) {
        const fate = place['fate'] === undefined ? '' : `, ${textOf(rowOf(place['fate']), 'code')}`;
        const holder = place['leasedTo'] === undefined ? '' : `, leased to ${textOf(place, 'leasedTo')}`;
        print(`${textOf(place, 'queue')}: ${textOf(place, 'state')}${fate}${holder}`);
        printTable(rowsOf(place, 'events'), EVENT_COLUMNS, 'no events');
      }
    });
}
