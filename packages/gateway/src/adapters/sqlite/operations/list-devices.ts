import type { DeviceId } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { DeviceRow } from '../../../ports/gateway-store.ts';
import { DEVICE_COLUMNS, type DeviceColumns, deviceRow } from './device-columns.ts';

/** Devices by id. */
export type ListDevices = (request: {
  readonly after?: DeviceId;
  readonly limit: number;
}) => readonly DeviceRow[];

export function prepareListDevices(database: Database.Database): ListDevices {
  const select = database.prepare<[string, number], DeviceColumns & { readonly name: string }>(
    `SELECT name, ${DEVICE_COLUMNS} FROM symbols JOIN devices ON devices.device = symbols.number
     WHERE symbols.kind = 'device' AND symbols.name > ? ORDER BY symbols.name LIMIT ?`,
  );
  return ({ after = '', limit }) =>
    select.all(after, limit).map((row) => deviceRow(row.name as DeviceId, row));
}
