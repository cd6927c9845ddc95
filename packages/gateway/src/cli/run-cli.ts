import { CodedError } from '@fieldpost/protocol';
import { Command, CommanderError, Option } from 'commander';
import { type ConfigSources, loadConfig, type GatewayConfig } from '../config/load-config.ts';
import { type SettingKey, SETTINGS } from '../config/settings.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import { GATEWAY_VERSION } from '../version.ts';
import { addDeviceCommands } from './operator/device-commands.ts';
import { CallError } from './operator/gateway-client.ts';
import { addJobCommands } from './operator/job-commands.ts';
import { addMessageCommands } from './operator/message-commands.ts';
import { addQueueCommands } from './operator/queue-commands.ts';
import type { TokenArguments } from './token.ts';

export interface CliOptions {
  /** Given by tests only. */
  readonly failpoints?: Failpoints;
}

/**
 * Runs the command line and resolves with the exit code: 0 done, 1 failed, 2 not understood.
 *
 * @param argv as in `process.argv`
 */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<number> {
  // What this writes holds people's messages and keys: for this account only.
  process.umask(0o077);
  let exitCode = 0;
  const program = createProgram((code) => (exitCode = code), options);
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`fieldpost-gateway: ${describe(error)}\n`);
    return 1;
  }
}

// Each command loads what it needs: help and refusals should not wait for a database driver.
function createProgram(setExitCode: (code: number) => void, options: CliOptions): Command {
  const program = new Command('fieldpost-gateway')
    .description(
      'Takes messages of devices that are often offline, keeps them in queues, hands them to consumers.',
    )
    .version(GATEWAY_VERSION)
    .addHelpText(
      'after',
      '\nSettings: fieldpost-gateway serve --help\nqueues, jobs, messages, devices and lost-ranges call a running gateway (FIELDPOST_URL, FIELDPOST_TOKEN)',
    )
    .showHelpAfterError('(fieldpost-gateway --help says more)')
    .enablePositionalOptions()
    .exitOverride();
  const serveCommand = program
    .command('serve', { isDefault: true })
    .description('run the gateway (the default)')
    .action(async (given: Readonly<Record<string, string>>) => {
      const { serve } = await import('./serve.ts');
      setExitCode(await serve(configOf(given), options));
    });
  addSettings(serveCommand);
  addBackupCommand(program);
  addTokenCommand(program);
  addQueueCommands(program);
  addJobCommands(program);
  addMessageCommands(program);
  addDeviceCommands(program);
  return program;
}

function addBackupCommand(program: Command): void {
  const command = program
    .command('backup')
    .description('write a consistent copy of the store to FILE, also while the gateway runs')
    .argument('<file>', 'a file that is not there yet')
    .action(async (file: string, given: Readonly<Record<string, string>>) => {
      const { backup } = await import('./backup.ts');
      await backup(configOf(given), file);
      process.stderr.write(`backed up to ${file}\n`);
    });
  addSettings(command, ['dataDir']);
}

function addTokenCommand(program: Command): void {
  const list = (text: string): string[] => text.split(',');
  const command = program
    .command('token')
    .description("print a token made with the gateway's secret")
    .requiredOption('--sub <subject>', 'whom it speaks for')
    .option(
      '--send <patterns>',
      'queues to send to: names, or prefixes with one * behind, with commas between',
      list,
      [],
    )
    .option('--receive <patterns>', 'queues to receive from', list, [])
    .option('--manage <patterns>', 'queues to make, change and delete', list, [])
    .option('--expires <time>', 'how long it is good for, such as 30m, 12h or 7d', '12h')
    .action(async (given: TokenArguments & Readonly<Record<string, unknown>>) => {
      const { token } = await import('./token.ts');
      process.stdout.write(`${await token(configOf(given), given, Date.now())}\n`);
    });
  addSettings(command, ['dataDir']);
}

/** Every setting that has a flag. Values come as texts; their check is the configuration's. */
function addSettings(command: Command, keys?: readonly SettingKey[]): void {
  command.addOption(
    new Option('--config <file>', 'read settings from this file instead of fieldpost.config.json'),
  );
  for (const { key, flag, variable, description, defaultText } of SETTINGS) {
    if (flag === undefined || keys?.includes(key) === false) continue;
    command.addOption(new Option(flag, `${description} (environment: ${variable}; default: ${defaultText})`));
  }
}

function configOf(given: Readonly<Record<string, unknown>>): GatewayConfig {
  const flags: Partial<Record<SettingKey, string>> = {};
  for (const { key } of SETTINGS) {
    const value = given[key];
    if (typeof value === 'string') flags[key] = value;
  }
  const { config: file } = given;
  const sources: ConfigSources = { flags, environment: process.env, folder: process.cwd() };
  return loadConfig(typeof file === 'string' ? { ...sources, file } : sources);
}

function describe(error: unknown): string {
  if (error instanceof CodedError) return `${error.code}: ${error.message}`;
  if (error instanceof CallError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
