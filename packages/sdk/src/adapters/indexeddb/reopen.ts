import type { DeviceId } from '@fieldpost/protocol';
import { planReopening } from '../../core/outbox/plan-reopening.ts';
import type { Reopening, ReopenResult, StreamMark } from '../../ports/outbox-store.ts';
import {
  type LogRecord,
  markKey,
  markRecord,
  parseDevice,
  parseDevices,
  parseLease,
  parseLog,
  parseMark,
} from './record.ts';
import type { Db } from './schema.ts';
import { keysAfter, parseSegmentKey } from './segment-key.ts';
import { together, unheard, writeIn } from './transact.ts';

const RENEWALS_KEPT = 16;

/** Takes back what was settled and the gateway has forgotten, if `holder` holds the drain lease as this transaction finds it. */
export function reopen(db: Db, holder: string, reopening: Reopening): Promise<ReopenResult> {
  return writeIn<ReopenResult>(db, ['state', 'marks', 'segments'], 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const marks = transaction.objectStore('marks');
    const [lease, log, markKeys, markValues, raws] = await together(
      () => state.get('lease'),
      () => state.get('log'),
      () => marks.getAllKeys(),
      () => marks.getAll(),
      () => transaction.objectStore('segments').getAllKeys(keysAfter(0)),
    );
    if (parseLease(lease)?.holder !== holder) return { abort: { held: false, reopened: 0 } };
    const before = parseLog(log);
    const stored = markKeys.map((key, index): StreamMark | undefined => parseMark(key, markValues[index]));
    const plan = planReopening(
      reopening.streams,
      { ...before, marks: stored.filter((mark) => mark !== undefined) },
      raws.map(parseSegmentKey).filter((key) => key !== undefined),
    );
    for (const mark of plan.marks) unheard(marks.put(markRecord(mark), markKey(mark.stream)));
    const after: LogRecord = {
      ...before,
      settledUpTo: plan.settledUpTo,
      session: reopening.session,
      generation: reopening.generation,
      reopenings: before.reopenings + (plan.marks.length > 0 ? 1 : 0),
    };
    unheard(state.put(after, 'log'));
    return { held: true, reopened: plan.marks.length };
  });
}

/** Gives the device another id, if it still has this one. */
export function renewDevice(
  db: Db,
  { from, to }: { readonly from: DeviceId; readonly to: DeviceId },
): Promise<DeviceId> {
  return writeIn<DeviceId>(db, ['state'], 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const [device, log, renewed] = await together(
      () => state.get('device'),
      () => state.get('log'),
      () => state.get('renewed'),
    );
    const found = parseDevice(device);
    if (found !== undefined && found !== from) return { abort: found };
    unheard(state.put(to, 'device'));
    // Fates are told device by device: of this one none yet.
    unheard(state.delete('heard'));
    // Tabs that know the database by its old id recognise it by this.
    unheard(state.put([...parseDevices(renewed), from].slice(-RENEWALS_KEPT), 'renewed'));
    unheard(state.put({ ...parseLog(log), session: undefined }, 'log'));
    return to;
  });
}
