import type { DeviceId, EpochId, SessionNonce } from '@fieldpost/protocol';
import type { DeviceRow, EpochRow } from '../../ports/gateway-store.ts';
import { uuidArray } from './binary-array.ts';
import type { Statement } from './connection.ts';
import { KeptRows, type UndoLog } from './kept-rows.ts';
import { TryAgain } from './postgres-error.ts';
import { originalText, safeText } from './safe-text.ts';
import type { Transaction } from './transaction.ts';

const COLUMNS = `device, subject, session_number, session_nonce, opening, parent_number, parent_nonce, revoked, client,
  first_seen_at, last_seen_at, waiting_messages, forks, forked_at`;

interface DeviceColumns {
  readonly device: string;
  readonly subject: string;
  readonly session_number: number;
  readonly session_nonce: string;
  readonly opening: string;
  readonly parent_number: number | null;
  readonly parent_nonce: string | null;
  readonly revoked: boolean;
  readonly client: string;
  readonly first_seen_at: number;
  readonly last_seen_at: number;
  readonly waiting_messages: number;
  readonly forks: number;
  readonly forked_at: number | null;
}

const LOCK_DEVICES: Statement = {
  name: 'devices-lock',
  text: `SELECT ${COLUMNS} FROM fieldpost.devices WHERE device = ANY($1::uuid[]) ORDER BY device FOR UPDATE`,
};
const LIST_DEVICES: Statement = {
  name: 'devices-list',
  text: `SELECT ${COLUMNS} FROM fieldpost.devices WHERE device > $1 ORDER BY device LIMIT $2`,
};
const INSERT_DEVICE: Statement = {
  name: 'devices-insert',
  text: `INSERT INTO fieldpost.devices (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT DO NOTHING`,
};
const UPDATE_DEVICE: Statement = {
  name: 'devices-update',
  text: `UPDATE fieldpost.devices SET (${COLUMNS}) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         WHERE device = $1`,
};
const LOCK_EPOCHS: Statement = {
  name: 'epochs-lock',
  text: `SELECT epoch, subject, closed_at FROM fieldpost.epochs WHERE epoch = ANY($1::uuid[]) ORDER BY epoch FOR UPDATE`,
};
const RETIRED: Statement = {
  name: 'epochs-retired',
  text: 'SELECT epoch FROM fieldpost.retired WHERE epoch = ANY($1::uuid[])',
};
const INSERT_EPOCH: Statement = {
  name: 'epochs-insert',
  text: 'INSERT INTO fieldpost.epochs (epoch, subject, closed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
};
const UPDATE_EPOCH: Statement = {
  name: 'epochs-update',
  text: 'UPDATE fieldpost.epochs SET subject = $2, closed_at = $3 WHERE epoch = $1',
};

/** The devices that a transaction has to do with, locked: no other hello slips between a look at the session and the commit. */
export class DeviceRows {
  readonly #transaction: Transaction;
  readonly #rows: KeptRows<DeviceRow>;

  constructor(transaction: Transaction, undo: UndoLog) {
    this.#transaction = transaction;
    this.#rows = new KeptRows(undo);
  }

  async lock(devices: Iterable<DeviceId>): Promise<void> {
    const missing = missingOf(this.#rows, devices);
    if (missing.length === 0) return;
    const rows = await this.#transaction.rows<DeviceColumns>(LOCK_DEVICES, [uuidArray(missing)]);
    for (const device of missing) this.#rows.load(device, undefined);
    for (const row of rows) this.#rows.load(row.device, deviceRow(row));
  }

  get(device: DeviceId): DeviceRow | undefined {
    return this.#rows.get(device);
  }

  put(row: DeviceRow): void {
    this.#rows.set(row.device, row);
  }

  flush(): readonly Promise<unknown>[] {
    return this.#rows.takeChanges().map(({ stored, row }) => {
      if (row === undefined) return Promise.resolve();
      const statement = stored === undefined ? INSERT_DEVICE : UPDATE_DEVICE;
      return writeOne(this.#transaction, statement, columnsOf(row));
    });
  }
}

/** Devices by id. */
export async function listDevices(
  transaction: Transaction,
  { after, limit }: { readonly after?: DeviceId; readonly limit: number },
): Promise<readonly DeviceRow[]> {
  const first = after ?? '00000000-0000-0000-0000-000000000000';
  return (await transaction.rows<DeviceColumns>(LIST_DEVICES, [first, limit])).map(deviceRow);
}

/** The epochs that a transaction has to do with, locked, and which of them are retired. */
export class EpochRows {
  readonly #transaction: Transaction;
  readonly #rows: KeptRows<EpochRow>;
  readonly #retired = new Set<EpochId>();

  constructor(transaction: Transaction, undo: UndoLog) {
    this.#transaction = transaction;
    this.#rows = new KeptRows(undo);
  }

  async lock(epochs: Iterable<EpochId>): Promise<void> {
    const missing = missingOf(this.#rows, epochs);
    if (missing.length === 0) return;
    const asked = uuidArray(missing);
    const [rows, retired] = await Promise.all([
      this.#transaction.rows<{ epoch: string; subject: string; closed_at: number | null }>(LOCK_EPOCHS, [
        asked,
      ]),
      // Behind the lock: who retires an epoch removes its row and leaves the tombstone in one transaction.
      this.#transaction.rows<{ epoch: string }>(RETIRED, [asked]),
    ]);
    for (const epoch of missing) this.#rows.load(epoch, undefined);
    for (const { epoch: text, subject, closed_at: closedAt } of rows) {
      const epoch = epochOf(text);
      const closing = closedAt === null ? {} : { closedAt };
      this.#rows.load(epoch, { epoch, subject: originalText(subject), ...closing });
    }
    for (const { epoch } of retired) this.#retired.add(epochOf(epoch));
  }

  get(epoch: EpochId): EpochRow | undefined {
    return this.#rows.get(epoch);
  }

  isRetired(epoch: EpochId): boolean {
    return this.#retired.has(epoch);
  }

  put(row: EpochRow): void {
    this.#rows.set(row.epoch, row);
  }

  flush(): readonly Promise<unknown>[] {
    return this.#rows.takeChanges().map(({ stored, row }) => {
      if (row === undefined) return Promise.resolve();
      const statement = stored === undefined ? INSERT_EPOCH : UPDATE_EPOCH;
      const values = [row.epoch, safeText(row.subject), row.closedAt ?? null];
      return writeOne(this.#transaction, statement, values);
    });
  }
}

/** An epoch as the database writes it: with hyphens. */
export function epochOf(uuid: string): EpochId {
  return uuid.replaceAll('-', '') as EpochId;
}

/** Where there was no row there was none to lock: another transaction may have made it since. */
async function writeOne(
  transaction: Transaction,
  statement: Statement,
  values: Parameters<Transaction['run']>[1],
): Promise<void> {
  const { count } = await transaction.run(statement, values);
  if (count !== 1) throw new TryAgain(`${statement.name} met another transaction`);
}

function missingOf<Key extends string>(rows: KeptRows<unknown>, keys: Iterable<Key>): Key[] {
  return [...new Set(keys)].filter((key) => !rows.isLoaded(key));
}

function columnsOf(row: DeviceRow): NonNullable<Parameters<Transaction['run']>[1]> {
  return [
    row.device,
    safeText(row.subject),
    row.session.number,
    row.session.nonce,
    row.opening,
    row.parentSession?.number ?? null,
    row.parentSession?.nonce ?? null,
    row.revoked,
    safeText(row.client),
    row.firstSeenAt,
    row.lastSeenAt,
    row.waitingMessages,
    row.forks,
    row.forkedAt ?? null,
  ];
}

function deviceRow(row: DeviceColumns): DeviceRow {
  const { parent_number: number, parent_nonce: nonce } = row;
  return {
    device: row.device as DeviceId,
    subject: originalText(row.subject),
    session: { number: row.session_number, nonce: row.session_nonce as SessionNonce },
    opening: row.opening,
    revoked: row.revoked,
    client: originalText(row.client),
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    waitingMessages: row.waiting_messages,
    ...(number === null || nonce === null ? {} : { parentSession: { number, nonce: nonce as SessionNonce } }),
    forks: row.forks,
    ...(row.forked_at === null ? {} : { forkedAt: row.forked_at }),
  };
}
