import { readFileSync } from 'node:fs';
import { parseDuration } from '@fieldpost/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CallError } from './gateway-client.ts';
import { wholeNumber, yesOrNo } from './operator-command.ts';

/** Settings of a queue as options give them; the gateway checks them. */
export interface QueueSettingsOptions {
  readonly maxBodyBytes?: number;
  readonly maxDeliveries?: number;
  readonly retryDelays?: readonly number[];
  readonly deadLetter?: boolean;
  readonly ordering?: string;
  readonly quotaMessages?: number | typeof NONE;
  readonly quotaBytes?: number | typeof NONE;
  readonly journal?: boolean;
  readonly journalRetention?: number;
  readonly schema?: string;
  readonly rules?: string;
}

export function addQueueSettings(command: Command): Command {
  return command
    .option('--max-body-bytes <bytes>', 'the largest body that it takes', wholeNumber)
    .option('--max-deliveries <number>', 'deliveries of a message before it ends', wholeNumber)
    .option(
      '--retry-delays <times>',
      'waits after failed deliveries, such as 1s,10s,1m; none for none',
      delays,
    )
    .option('--dead-letter <true|false>', 'whether messages that end unconsumed are kept', yesOrNo)
    .addOption(new Option('--ordering <order>', 'how messages are handed out').choices(['priority', 'fifo']))
    .option('--quota-messages <number>', 'what it holds at most; none for no limit', numberOrNone)
    .option('--quota-bytes <bytes>', 'the same in bytes', numberOrNone)
    .option('--journal <true|false>', 'whether copies of removed messages are kept', yesOrNo)
    .option('--journal-retention <time>', 'for how long, such as 7d', duration)
    .option('--schema <file>', 'a JSON Schema that bodies have to match; none for none')
    .option('--rules <file>', 'a JSON list of rules; none for none');
}

/** The settings as the API takes them; only those that were given. */
export function settingsOf(options: QueueSettingsOptions): Readonly<Record<string, unknown>> {
  const { retryDelays, journalRetention, schema, rules } = options;
  const settings = {
    maxBodyBytes: options.maxBodyBytes,
    maxDeliveries: options.maxDeliveries,
    retryDelaysMs: retryDelays,
    deadLetter: options.deadLetter,
    ordering: options.ordering,
    quotaMessages: nullFor(options.quotaMessages),
    quotaBytes: nullFor(options.quotaBytes),
    journal: options.journal,
    journalRetentionMs: journalRetention,
    schema: schema === undefined ? undefined : schema === NONE ? null : readJson('--schema', schema),
    rules: rules === undefined ? undefined : rules === NONE ? [] : readJson('--rules', rules),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

const NONE = 'none';

function numberOrNone(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(text);
}

/** The API takes a limit away with null, which the option itself cannot be. */
function nullFor<Value>(value: Value | typeof NONE): Value | null {
  return value === NONE ? null : value;
}

function duration(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined)
    throw new InvalidArgumentError('It has to be a time such as 30s, 10m or 7d.');
  return milliseconds;
}

function delays(text: string): readonly number[] {
  return text === NONE ? [] : text.split(',').map(duration);
}

function readJson(option: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CallError(`${option}: ${file} cannot be read as JSON (${reason})`, { cause });
  }
}
