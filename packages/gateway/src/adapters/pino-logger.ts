import { type DestinationStream, pino } from 'pino';
import type { Logger } from '../ports/logger.ts';

/** How much is logged. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** JSON lines by pino, written at once so that nothing is missing after a crash. */
export function createPinoLogger(level: LogLevel, destination: DestinationStream = standardOutput()): Logger {
  const logger = pino(
    {
      level,
      base: { service: 'fieldpost-gateway' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      // Nothing logs a token or a body on purpose; this is for the day somebody logs a whole object.
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    destination,
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

function standardOutput(): DestinationStream {
  const destination = pino.destination({ fd: 1, sync: true });
  // Whoever read the log has gone: no reason for messages to stop.
  destination.on('error', () => undefined);
  return destination;
}

const REDACTED = ['token', 'body', 'bodyBase64', 'authorization', 'receipt', 'secret'].flatMap((name) => [
  name,
  `*.${name}`,
]);
