import { CodedError } from '@fieldpost/protocol';
import { Command, CommanderError, Option } from 'commander';
import { type ConfigSources, loadConfig, type GatewayConfig } from '../config/load-config.ts';
import { SETTINGS } from '../config/settings.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import { GATEWAY_VERSION } from '../version.ts';
import { serve } from './serve.ts';

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

function createProgram(setExitCode: (code: number) => void, options: CliOptions): Command {
  const program = new Command('fieldpost-gateway')
    .description(
      'Takes messages of devices that are often offline, keeps them in queues, hands them to consumers.',
    )
    .version(GATEWAY_VERSION)
    .showHelpAfterError('(fieldpost-gateway --help says more)')
    .enablePositionalOptions()
    .exitOverride();
  const serveCommand = program
    .command('serve', { isDefault: true })
    .description('run the gateway (the default)')
    .action(async (given: Readonly<Record<string, string>>) => {
      setExitCode(await serve(configOf(given), options));
    });
  addSettings(serveCommand);
  return program;
}

/** Every setting that has a flag. Values come as texts; their check is the configuration's. */
function addSettings(command: Command): void {
  command.addOption(
    new Option('--config <file>', 'read settings from this file instead of fieldpost.config.json'),
  );
  for (const { flag, variable, description, defaultText } of SETTINGS) {
    if (flag === undefined) continue;
    command.addOption(new Option(flag, `${description} (environment: ${variable}; default: ${defaultText})`));
  }
}

function configOf(given: Readonly<Record<string, string>>): GatewayConfig {
  const { config: file, ...flags } = given;
  const sources: ConfigSources = {
    flags,
    environment: process.env,
    folder: process.cwd(),
    ...(file === undefined ? {} : { file }),
  };
  return loadConfig(sources);
}

function describe(error: unknown): string {
  if (error instanceof CodedError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
