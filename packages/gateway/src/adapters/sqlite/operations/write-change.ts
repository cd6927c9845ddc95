import { unreachable } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { leaseLost, requireEachOnce } from '../../../core/settle-all.ts';
import type { Change, SettleRequest } from '../../../ports/gateway-store.ts';
import { prepareAddFate } from './add-fate.ts';
import { prepareAdvance } from './advance.ts';
import type { Append } from './append.ts';
import { prepareDeleteQueue } from './delete-queue.ts';
import type { StoreRows } from './load-snapshot.ts';
import { preparePutDevice } from './put-device.ts';
import { preparePutEpoch } from './put-epoch.ts';
import type { PutQueue } from './put-queue.ts';
import { preparePutSend } from './put-send.ts';
import type { Settle } from './settle.ts';

/** Writes one change of a transaction. Returns the bytes that it appended. */
export type WriteChange = (change: Change) => number;

export function prepareWriteChange(
  database: Database.Database,
  { symbols, queues, generations, lost, notices }: StoreRows,
  parts: { readonly append: Append; readonly putQueue: PutQueue; readonly settle: Settle },
): WriteChange {
  const { append, putQueue, settle } = parts;
  const advance = prepareAdvance(database, symbols);
  const addFate = prepareAddFate(database, symbols);
  const putDevice = preparePutDevice(database, symbols);
  const putEpoch = preparePutEpoch(database, symbols);
  const deleteQueue = prepareDeleteQueue(database, queues);
  const putSend = preparePutSend(database, queues);

  return (change) => {
    switch (change.type) {
      case 'append':
        return append(queues.get(change.queue), change.messages);
      case 'advance':
        advance(change);
        return 0;
      case 'refuse':
      case 'skip':
        addFate(change.type, change.stream, change.fate);
        return 0;
      case 'put-device':
        putDevice(change.row);
        return 0;
      case 'put-epoch':
        putEpoch(change.row);
        return 0;
      case 'put-lost':
        lost.put(change.stream, change.range);
        return 0;
      case 'remove-lost':
        lost.remove(change.stream, change.first);
        return 0;
      case 'change-generation':
      case 'put-former':
      case 'remove-former':
        generations.change(change);
        return 0;
      case 'put-queue':
        putQueue(change.row);
        return 0;
      case 'delete-queue':
        deleteQueue(change);
        return 0;
      case 'put-send':
        putSend(change.queue, change.row);
        return 0;
      case 'confirm-notices':
        notices.confirm(change.device, change.upTo);
        return 0;
      case 'settle':
        settleAll(settle, change.requests);
        return 0;
      default:
        return unreachable(change);
    }
  };
}

/** All or none: what failed half-way is taken back with the transaction. */
function settleAll(settle: Settle, requests: readonly SettleRequest[]): void {
  requireEachOnce(requests);
  for (const request of requests) {
    const lost = settle(request).find(({ code }) => code !== undefined);
    if (lost !== undefined) throw leaseLost(request.queue, lost.receipt);
  }
}
