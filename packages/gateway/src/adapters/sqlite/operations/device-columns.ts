import type { DeviceId, SessionNonce } from '@fieldpost/protocol';
import type { DeviceRow } from '../../../ports/gateway-store.ts';

export const DEVICE_COLUMNS = `subject, session_number, session_nonce, revoked, client, first_seen_at, last_seen_at,
  waiting_messages, opening, parent_number, parent_nonce, forks, forked_at`;

/** A row of {@link DEVICE_COLUMNS}. */
export interface DeviceColumns {
  readonly subject: string;
  readonly session_number: number;
  readonly session_nonce: string;
  readonly revoked: number;
  readonly client: string;
  readonly first_seen_at: number;
  readonly last_seen_at: number;
  readonly waiting_messages: number;
  readonly opening: string;
  readonly parent_number: number | null;
  readonly parent_nonce: string | null;
  readonly forks: number;
  readonly forked_at: number | null;
}

export function deviceRow(device: DeviceId, row: DeviceColumns): DeviceRow {
  const { parent_number: number, parent_nonce: nonce } = row;
  return {
    device,
    subject: row.subject,
    session: { number: row.session_number, nonce: row.session_nonce as SessionNonce },
    opening: row.opening,
    revoked: row.revoked === 1,
    client: row.client,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    waitingMessages: row.waiting_messages,
    ...(number === null || nonce === null ? {} : { parentSession: { number, nonce: nonce as SessionNonce } }),
    forks: row.forks,
    ...(row.forked_at === null ? {} : { forkedAt: row.forked_at }),
  };
}
