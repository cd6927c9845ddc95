import type { Command } from 'commander';
import { CallError } from './gateway-client.ts';
import { addJobStarters } from './job-commands.ts';
import { clientOf, type CommonOptions, operatorCommand } from './operator-command.ts';
import { ageText, type Column, print, printAnswer, printJson, printTable, rowsOf } from './print.ts';
import { addQueueSettings, type QueueSettingsOptions, settingsOf } from './queue-settings-options.ts';

const COLUMNS: readonly Column[] = [
  ['QUEUE', 'name'],
  ['READY', 'ready'],
  ['LEASED', 'leased'],
  ['DELAYED', 'delayed'],
  ['BLOCKED', 'blocked'],
  ['BYTES', 'bytes'],
  ['OLDEST', ({ oldestArrivedAt }) => ageText(oldestArrivedAt)],
  ['PAUSED', 'paused'],
];

/** `queues …` */
export function addQueueCommands(program: Command): void {
  const queues = program
    .command('queues')
    .description('look at queues of a running gateway, and change them');
  addLooks(queues);
  addChanges(queues);
  addPauses(queues);
  addJobStarters(queues);
}

function addLooks(queues: Command): void {
  operatorCommand(queues, 'list', 'list the queues that the token may see, with their counts').action(
    async (options: CommonOptions) => {
      const answer = await clientOf(options)({ method: 'GET', path: ['queues'] });
      if (options.json === true) return printJson(answer);
      printTable(rowsOf(answer, 'queues'), COLUMNS, 'no queue that this token may see');
    },
  );
  operatorCommand(queues, 'show <queue>', 'show a queue or subqueue: its settings and counts').action(
    async (queue: string, options: CommonOptions) => {
      printAnswer(await clientOf(options)({ method: 'GET', path: ['queues', queue] }), options);
    },
  );
}

function addChanges(queues: Command): void {
  type Options = CommonOptions & QueueSettingsOptions;
  addQueueSettings(
    operatorCommand(queues, 'create <queue>', 'make a queue, unless it is there already'),
  ).action(async (queue: string, options: Options) => {
    printAnswer(
      await clientOf(options)({ method: 'PUT', path: ['queues', queue], body: settingsOf(options) }),
      options,
    );
  });
  addQueueSettings(
    operatorCommand(queues, 'set <queue>', 'change settings of a queue; what is not named stays'),
  ).action(async (queue: string, options: Options) => {
    const body = settingsOf(options);
    if (Object.keys(body).length === 0)
      throw new CallError('no setting was given: "fieldpost-gateway queues set --help" lists them');
    printAnswer(await clientOf(options)({ method: 'PATCH', path: ['queues', queue], body }), options);
  });
  operatorCommand(queues, 'delete <queue>', 'delete a queue with its subqueues')
    .option('--with-messages', 'also when it holds messages: they are gone then')
    .action(async (queue: string, options: CommonOptions & { readonly withMessages?: true }) => {
      const query = options.withMessages === true ? { messages: 'delete' } : {};
      await clientOf(options)({ method: 'DELETE', path: ['queues', queue], query });
      if (options.json === true) return printJson({ name: queue, deleted: true });
      print(`${queue} is deleted`);
    });
}

function addPauses(queues: Command): void {
  for (const [verb, description] of [
    ['pause', 'pause a queue for receiving, for sending, or both'],
    ['resume', 'resume a paused queue'],
  ] as const) {
    type Options = CommonOptions & { readonly receiving?: true; readonly sending?: true };
    operatorCommand(queues, `${verb} <queue>`, description)
      .option('--receiving', 'only what is handed out')
      .option('--sending', 'only what arrives')
      .action(async (queue: string, options: Options) => {
        const isBoth = options.receiving === options.sending;
        const body = {
          receiving: isBoth || options.receiving === true,
          sending: isBoth || options.sending === true,
        };
        printAnswer(
          await clientOf(options)({ method: 'POST', path: ['queues', queue, verb], body }),
          options,
        );
      });
  }
}
