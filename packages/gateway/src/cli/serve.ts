import { createPinoLogger } from '../adapters/pino-logger.ts';
import type { GatewayConfig } from '../config/load-config.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import { type RunningGateway, startGateway } from '../start-gateway.ts';

export interface ServeOptions {
  /** Given by tests only. */
  readonly failpoints?: Failpoints;
}

const DEVELOPMENT_TOKEN_HOURS = 12;

/** Runs the gateway until SIGTERM or SIGINT, and resolves with the exit code. */
export async function serve(config: GatewayConfig, options: ServeOptions): Promise<number> {
  const logger = createPinoLogger(config.logLevel);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ error }, 'a fault that nothing handled');
      process.exit(1);
    });
  }
  const running = await startGateway({
    config,
    logger,
    ...options,
    onStoreFailure: (error) => {
      logger.error({ error }, 'the store failed; nothing more is acknowledged');
      process.exit(1);
    },
  });
  if (config.tokens.type === 'development') await printDevelopmentHelp(running);
  const signal = await stopSignal();
  logger.info({ signal }, 'stopping');
  const isClean = await running.stop();
  logger.info({ isClean }, 'stopped');
  return isClean ? 0 : 1;
}

/** Resolves at the first signal; a second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, (signal) => {
        resolve(signal);
        process.once(name, () => process.exit(1));
      });
    }
  });
}

/** On the standard error, because the standard output holds JSON lines, and no token may stand in them. */
async function printDevelopmentHelp({ url, tokenMinter }: RunningGateway): Promise<void> {
  if (tokenMinter === undefined) return;
  const expiresAt = Date.now() + DEVELOPMENT_TOKEN_HOURS * 3_600_000;
  const anyQueue = ['*'];
  const grants = { send: anyQueue, receive: anyQueue, manage: anyQueue };
  const token = await tokenMinter.mint({ subject: 'development', grants, expiresAt });
  console.error(`
Fieldpost gateway, development mode: this machine only, everybody on it may do everything.

  API        ${url}/docs
  Queues     ${url}/v1/queues
  Token      POST ${url}/v1/dev/token, or this one for ${DEVELOPMENT_TOKEN_HOURS} hours:

${token}
`);
}
