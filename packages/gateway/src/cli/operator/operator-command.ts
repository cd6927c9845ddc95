import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CallGateway, gatewayClient } from './gateway-client.ts';

/** What every command of an operator can be told. */
export interface CommonOptions {
  readonly url: string;
  readonly token?: string;
  readonly json?: true;
}

const URL_DEFAULT = 'http://127.0.0.1:4100';

/** Adds a command that calls a running gateway, with the options that all of these have. */
export function operatorCommand(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .addOption(new Option('--url <url>', 'where the gateway is').env('FIELDPOST_URL').default(URL_DEFAULT))
    .addOption(
      new Option(
        '--token <token>',
        'who asks; better by the environment, since a command line is readable by everybody on the machine',
      ).env('FIELDPOST_TOKEN'),
    )
    .option('--json', 'print the answer as JSON on one line');
}

export function clientOf({ url, token }: CommonOptions): CallGateway {
  return gatewayClient({ url, token });
}

/** Reads a whole number of an option. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

/** Reads `true` or `false`. */
export function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It has to be true or false.');
  return text === 'true';
}
