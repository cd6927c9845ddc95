import type { ConnectOptions } from './api/connect-options.ts';
import type { Fieldpost } from './api/fieldpost.ts';
import { FieldpostError } from './core/fieldpost-error.ts';

/**
 * Opens this device's outbox and starts to deliver what waits in it. Resolves when the local database is open: neither
 * network nor gateway is needed.
 *
 * @throws FieldpostError `invalid-argument`, `storage-blocked`, `storage-failed`
 * @since 0.1.0
 */
export async function connect(options: ConnectOptions): Promise<Fieldpost> {
  throw new FieldpostError('storage-failed', `no outbox for ${options.subject}`);
}
