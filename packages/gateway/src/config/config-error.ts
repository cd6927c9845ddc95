import { CodedError } from '@fieldpost/protocol';

/** A setting is missing, unknown or out of bounds. */
export class ConfigError extends CodedError {
  override readonly name = 'ConfigError';

  constructor(message: string, options?: ErrorOptions) {
    super('invalid-configuration', message, options);
  }
}
