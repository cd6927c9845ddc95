import {
  bytesFromHex,
  type DeviceId,
  type EpochId,
  type MessageId,
  type StreamKey,
  streamKeyText,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { isJournal } from '../../../core/queue-address.ts';
import { addRuleTargets } from '../../../core/rule-targets.ts';
import { leaseKeyText, sendKeyText } from '../../../core/snapshot-keys.ts';
import type {
  DeviceRow,
  EpochRow,
  LiveLease,
  NumberedFate,
  QueueRow,
  QueueUsage,
  Scope,
  SendRow,
  Snapshot,
  StreamRow,
} from '../../../ports/gateway-store.ts';
import { bytesView } from '../bytes-view.ts';
import type { Generations } from '../generations.ts';
import type { Notices } from '../notices.ts';
import type { QueueStates } from '../queue-states.ts';
import { damagedRow, streamChecksum } from '../row-checksum.ts';
import type { Symbols } from '../symbols.ts';
import { DEVICE_COLUMNS, type DeviceColumns, deviceRow } from './device-columns.ts';
import type { FindLease } from './find-lease.ts';
import type { LostRanges } from './lost-ranges.ts';

/** What the store remembers of its rows, for all of its operations. */
export interface StoreRows {
  readonly symbols: Symbols;
  readonly queues: QueueStates;
  readonly generations: Generations;
  readonly lost: LostRanges;
  readonly notices: Notices;
}

/** Loads what a transaction's `decide` looks at. */
export type LoadSnapshot = (scope: Scope) => Snapshot;

export function prepareLoadSnapshot(
  database: Database.Database,
  { symbols, queues, generations, lost, notices }: StoreRows,
  findLease: FindLease,
): LoadSnapshot {
  const isRetired = prepareIsRetired(database);
  const loadDevice = prepareLoadDevice(database, symbols);
  const loadEpoch = prepareLoadEpoch(database, symbols);
  const loadStream = prepareLoadStream(database, symbols, lost);
  const loadSend = prepareLoadSend(database, queues);

  return (scope) => {
    const epochs = new Map<EpochId, EpochRow>();
    const retired = new Set<EpochId>();
    for (const epoch of scope.epochs ?? []) {
      setIfFound(epochs, epoch, loadEpoch(epoch));
      if (!epochs.has(epoch) && isRetired(epoch)) retired.add(epoch);
    }
    const streams = new Map<string, StreamRow>();
    for (const { key, since } of scope.streams ?? [])
      setIfFound(streams, streamKeyText(key), loadStream(key, since, scope.fatesMax));
    const rows = new Map<string, QueueRow>();
    for (const queue of scope.queues ?? []) setIfFound(rows, queue, queues.find(queue)?.row);
    addRuleTargets(rows, (name) => queues.find(name)?.row);
    const usage = new Map<string, QueueUsage>();
    for (const [name, row] of rows) setIfFound(usage, name, usageOf(queues, row));
    const sends = new Map<string, SendRow>();
    for (const { queue, id } of scope.sends ?? [])
      setIfFound(sends, sendKeyText(queue, id), loadSend(queue, id));
    const leases = new Map<string, LiveLease>();
    for (const { queue, receipt } of scope.leases?.receipts ?? [])
      setIfFound(leases, leaseKeyText(queue, receipt), findLease(queue, receipt, scope.leases?.now ?? 0));
    return {
      generations: generations.get(),
      retired,
      device: scope.device === undefined ? undefined : loadDevice(scope.device),
      epochs,
      streams,
      queues: rows,
      usage,
      sends,
      ...(scope.device === undefined || scope.notices === undefined
        ? {}
        : { notices: notices.load(scope.device, scope.notices) }),
      leases,
    };
  };
}

/** Counted only where a quota asks for it. */
export function usageOf(queues: QueueStates, row: QueueRow): QueueUsage | undefined {
  if (row.quotaMessages === undefined && row.quotaBytes === undefined) return undefined;
  const counted = [queues.get(row.name), ...queues.subqueuesOf(row.name)];
  const usage = { messages: 0, bytes: 0 };
  for (const { row: counts, messages, bytes } of counted) {
    if (isJournal(counts.name)) continue;
    usage.messages += messages;
    usage.bytes += bytes;
  }
  return usage;
}

function setIfFound<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row | undefined): void {
  if (row !== undefined) rows.set(key, row);
}

function prepareLoadDevice(
  database: Database.Database,
  symbols: Symbols,
): (device: DeviceId) => DeviceRow | undefined {
  const select = database.prepare<[number], DeviceColumns>(
    `SELECT ${DEVICE_COLUMNS} FROM devices WHERE device = ?`,
  );
  return (device) => {
    const number = symbols.find('device', device);
    const row = number === undefined ? undefined : select.get(number);
    return row === undefined ? undefined : deviceRow(device, row);
  };
}

function prepareLoadEpoch(
  database: Database.Database,
  symbols: Symbols,
): (epoch: EpochId) => EpochRow | undefined {
  const select = database.prepare<[number], { subject: string; closed_at: number | null }>(
    'SELECT subject, closed_at FROM epochs WHERE epoch = ?',
  );
  return (epoch) => {
    const number = symbols.find('epoch', epoch);
    const row = number === undefined ? undefined : select.get(number);
    if (row === undefined) return undefined;
    return { epoch, subject: row.subject, ...(row.closed_at === null ? {} : { closedAt: row.closed_at }) };
  };
}

/** Asked of unknown epochs only. */
function prepareIsRetired(database: Database.Database): (epoch: EpochId) => boolean {
  const select = database.prepare<[Uint8Array]>('SELECT 1 FROM retired WHERE epoch = ?');
  return (epoch) => select.get(bytesFromHex(epoch)) !== undefined;
}

function prepareLoadStream(
  database: Database.Database,
  symbols: Symbols,
  lost: LostRanges,
): (key: StreamKey, since: number, fatesMax?: number) => StreamRow | undefined {
  const select = database.prepare<
    [number, number, number],
    { accepted: number; accepted_id: Uint8Array; checksum: number | null }
  >('SELECT accepted, accepted_id, checksum FROM streams WHERE epoch = ? AND queue = ? AND priority = ?');
  const ABOVE = 'epoch = ? AND queue = ? AND priority = ? AND number > ?';
  const hasFates = database.prepare<[number, number, number, number]>(
    `SELECT 1 FROM fates WHERE ${ABOVE} LIMIT 1`,
  );
  const selectFates = database.prepare<[number, number, number, number, number], FateColumns>(
    `SELECT number, kind, id, code FROM fates WHERE ${ABOVE} ORDER BY number LIMIT ?`,
  );
  return (key, since, fatesMax = Number.MAX_SAFE_INTEGER - 1) => {
    const epoch = symbols.find('epoch', key.epoch);
    const queue = symbols.find('queue', key.queue);
    if (epoch === undefined || queue === undefined) return undefined;
    const row = select.get(epoch, queue, key.priority);
    if (row === undefined) return undefined;
    const { accepted, accepted_id: id, checksum } = row;
    const isWhole =
      id instanceof Uint8Array &&
      (checksum === null || checksum === streamChecksum([epoch, queue, key.priority, accepted], id));
    if (!isWhole) throw damagedRow(`the mark of stream (${key.epoch}, ${key.queue}, ${key.priority})`);
    // Nearly always there are none, and asking for rows costs ten times as much as asking for one.
    const isThere = hasFates.get(epoch, queue, key.priority, since) !== undefined;
    const found = isThere ? selectFates.all(epoch, queue, key.priority, since, fatesMax + 1) : [];
    const fates = found.slice(0, fatesMax);
    const ranges = lost.of(epoch, queue, key.priority);
    return {
      accepted,
      acceptedId: uuidFromBytes(id) as MessageId,
      refusals: fatesOf('refuse', fates),
      skips: fatesOf('skip', fates),
      ...(found.length > fatesMax ? { hasMoreFates: true } : {}),
      ...(ranges.length === 0 ? {} : { lost: ranges }),
    };
  };
}

function fatesOf(kind: FateColumns['kind'], rows: readonly FateColumns[]): NumberedFate[] {
  return rows
    .filter((row) => row.kind === kind)
    .map(({ number, id, code }) => ({ number, id: id as MessageId, code }));
}

interface FateColumns {
  readonly number: number;
  readonly kind: 'refuse' | 'skip';
  readonly id: string;
  readonly code: string;
}

function prepareLoadSend(
  database: Database.Database,
  queues: QueueStates,
): (queue: string, id: MessageId) => SendRow | undefined {
  const select = database.prepare<[number, string], { content_hash: Uint8Array; sent_at: number }>(
    'SELECT content_hash, sent_at FROM sends WHERE queue = ? AND id = ?',
  );
  return (queue, id) => {
    const number = queues.find(queue)?.number;
    const row = number === undefined ? undefined : select.get(number, id);
    return row === undefined
      ? undefined
      : { id, contentHash: bytesView(row.content_hash), sentAt: row.sent_at };
  };
}
