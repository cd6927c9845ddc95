import { type Command, InvalidArgumentError } from 'commander';
import { CallError, type CallGateway } from './gateway-client.ts';
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
  textOf,
} from './print.ts';

const COLUMNS: readonly Column[] = [
  ['JOB', 'id'],
  ['KIND', 'kind'],
  ['QUEUE', 'queue'],
  ['TARGET', 'target'],
  ['STATE', 'state'],
  ['DONE', 'done'],
  ['LOOKED', 'looked'],
  ['AGE', ({ createdAt }) => ageText(createdAt)],
];
const POLL_MS = 500;

/** `jobs …` */
export function addJobCommands(program: Command): void {
  const jobs = program.command('jobs').description('look at purges, moves and redrives, and end them');
  operatorCommand(
    jobs,
    'list',
    'list the jobs of the queues that the token may manage, the latest first',
  ).action(async (options: CommonOptions) => {
    const answer = await clientOf(options)({ method: 'GET', path: ['jobs'] });
    if (options.json === true) return printJson(answer);
    printTable(rowsOf(answer, 'jobs'), COLUMNS, 'no job of a queue that this token may manage');
  });
  operatorCommand(jobs, 'show <id>', 'show how far a job is').action(
    async (id: string, options: CommonOptions) => {
      printAnswer(await clientOf(options)({ method: 'GET', path: ['jobs', id] }), options);
    },
  );
  operatorCommand(jobs, 'cancel <id>', 'end a job where it is; what it has done stays done').action(
    async (id: string, options: CommonOptions) => {
      printAnswer(await clientOf(options)({ method: 'DELETE', path: ['jobs', id] }), options);
    },
  );
}

interface JobOptions extends CommonOptions {
  readonly target?: string;
  readonly id?: readonly string[];
  readonly code?: string;
  readonly label?: string;
  readonly correlationId?: string;
  readonly groupId?: string;
  readonly priority?: number;
  readonly arrivedBefore?: string;
  readonly max?: number;
  readonly rate?: number;
  readonly wait?: true;
}

/** `queues purge`, `move` and `redrive`, which begin jobs. */
export function addJobStarters(queues: Command): void {
  addFilter(
    operatorCommand(queues, 'purge <queue>', 'remove messages that are there now, leased ones too'),
  ).action((queue: string, options: JobOptions) => begin('purge', queue, options));
  addFilter(
    operatorCommand(
      queues,
      'move <queue> <target>',
      'move messages to another queue, or a subqueue such as orders;later',
    ),
  ).action((queue: string, target: string, options: JobOptions) =>
    begin('move', queue, { ...options, target }),
  );
  addFilter(operatorCommand(queues, 'redrive <queue>', 'give the dead letters of a queue another chance'))
    .option('--target <queue>', 'there instead of where they came from')
    .action((queue: string, options: JobOptions) => begin('redrive', queue, options));
}

function addFilter(command: Command): Command {
  return command
    .option(
      '--id <id>',
      'only this message; may be repeated',
      (id: string, before: readonly string[] | undefined) => [...(before ?? []), id],
    )
    .option('--code <code>', 'only those that left their queue for this reason')
    .option('--label <label>', 'only those with this label')
    .option('--correlation-id <id>', 'only those with this correlation id')
    .option('--group-id <id>', 'only those of this group')
    .option('--priority <number>', 'only those of this priority', wholeNumber)
    .option('--arrived-before <time>', 'only those that arrived before, such as 2026-11-23T08:00:00Z', time)
    .option('--max <number>', 'no more than so many', wholeNumber)
    .option('--rate <number>', 'messages for each second; as fast as it goes without', wholeNumber)
    .option('--wait', 'wait until it has ended');
}

async function begin(verb: 'purge' | 'move' | 'redrive', queue: string, options: JobOptions): Promise<void> {
  const call = clientOf(options);
  const {
    target,
    id: ids,
    code,
    label,
    correlationId,
    groupId,
    priority,
    arrivedBefore,
    max,
    rate,
  } = options;
  const filter = given({ ids, code, label, correlationId, groupId, priority, arrivedBefore, max });
  const body = given({
    target,
    ratePerSecond: rate,
    filter: Object.keys(filter).length === 0 ? undefined : filter,
  });
  const begun = rowOf(await call({ method: 'POST', path: ['queues', queue, verb], body }));
  const job = options.wait === true ? await ended(call, begun) : begun;
  printAnswer(job, options);
  if (job['state'] === 'failed' || (options.wait === true && job['state'] === 'cancelled'))
    throw new CallError(`the job is ${textOf(job, 'state')} (${textOf(job, 'code')})`);
}

/** The job once it runs no more. It goes on also when nobody waits. */
async function ended(call: CallGateway, begun: Row): Promise<Row> {
  let job = begun;
  while (job['state'] === 'running') {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = rowOf(await call({ method: 'GET', path: ['jobs', textOf(begun, 'id')] }));
  }
  return job;
}

function given(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function time(text: string): string {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('It has to be a time such as 2026-11-23T08:00:00Z.');
  return new Date(at).toISOString();
}
