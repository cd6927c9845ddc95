import { planCancel, takeOut } from '../../core/outbox/plan-cancel.ts';
import type {
  CancelResult,
  MessagePlace,
  NumberRange,
  Offering,
  OfferResult,
  SegmentKey,
  SettledFate,
  Skip,
} from '../../ports/outbox-store.ts';
import { crc32 } from './checksum.ts';
import {
  fateKey,
  markKey,
  parseFate,
  parseLease,
  parseLog,
  parseMark,
  parseOffered,
  parseSegment,
  type SegmentRecord,
} from './record.ts';
import type { Db, Transaction } from './schema.ts';
import { keysAfter, keysBetween, parseSegmentKey, withoutWrite } from './segment-key.ts';
import { putSkip, readSkips } from './skips.ts';
import { readIn, together, unheard, writeIn } from './transact.ts';

/** Says how far the log is offered, if `holder` holds the drain lease as this transaction finds it. */
export function offer(db: Db, holder: string, { upTo, isRaised }: Offering): Promise<OfferResult> {
  const durability = isRaised ? 'strict' : 'relaxed';
  return writeIn<OfferResult>(db, ['state', 'skips'], durability, async (transaction) => {
    const state = transaction.objectStore('state');
    const [lease, skips] = await together<[unknown, readonly Skip[]]>(
      () => state.get('lease'),
      () => readSkips(transaction),
    );
    if (parseLease(lease)?.holder !== holder) return { abort: { held: false, skips: [] } };
    unheard(state.put(upTo, 'offered'));
    return { held: true, skips };
  });
}

/** Takes a message back: see `plan-cancel.ts`. */
export function cancel(db: Db, place: MessagePlace): Promise<CancelResult> {
  return writeIn<CancelResult>(
    db,
    ['state', 'marks', 'segments', 'skips', 'fates'],
    'strict',
    async (transaction) => {
      const state = transaction.objectStore('state');
      const [log, offered, mark, fate] = await together<unknown[]>(
        () => state.get('log'),
        () => state.get('offered'),
        () => transaction.objectStore('marks').get(markKey(place.stream)),
        () => transaction.objectStore('fates').get(fateKey(place)),
      );
      const raws = await transaction.objectStore('segments').getAllKeys(keysAfter(parseLog(log).settledUpTo));
      const keys = raws.map(parseSegmentKey).filter((key) => key !== undefined);
      const plan = planCancel(place, {
        acknowledged: parseMark(markKey(place.stream), mark)?.acknowledged ?? 0,
        code: parseFate(fateKey(place), fate)?.code,
        offered: parseOffered(offered),
        keys: keys.map(withoutWrite),
      });
      if (plan.outcome === 'settled') return { abort: plan };
      const isFinal = plan.outcome === 'cancelled';
      const skips: Skip[] = [];
      for (const { key, numbers } of plan.segments)
        skips.push(...(await takeFromSegment(transaction, key, numbers, { code: 'cancelled', isFinal })));
      for (const skip of skips) putSkip(transaction, skip);
      return { outcome: plan.outcome, skips };
    },
  );
}

/** Makes skips of numbers of a segment; of those that are for good, the messages go. */
export async function takeFromSegment(
  transaction: Transaction<'readwrite'>,
  key: Pick<SegmentKey, 'position' | 'stream' | 'first' | 'bytes'>,
  numbers: readonly number[],
  fate: Pick<Skip, 'code' | 'isFinal'>,
): Promise<readonly Skip[]> {
  const segments = transaction.objectStore('segments');
  const range = keysBetween(key.position - 1, key.position);
  const [[raw], [stored]] = await together(
    () => segments.getAllKeys(range),
    () => segments.getAll(range),
  );
  const messages = raw instanceof ArrayBuffer ? parseSegment(stored, raw, key.bytes) : undefined;
  const { skips, left } = takeOut(key, messages, numbers, fate);
  if (left !== undefined && raw instanceof ArrayBuffer) {
    const { place } = Object(stored) as { readonly place?: unknown };
    const record: SegmentRecord = {
      messages: left,
      checksum: crc32(new Uint8Array(raw), left),
      isHollowed: true,
      ...(typeof place === 'number' ? { place } : {}),
    };
    unheard(segments.put(record, raw));
  }
  return skips;
}

/** What became of numbers that are in no queue. */
export function listFates(db: Db, ranges: readonly NumberRange[]): Promise<readonly SettledFate[]> {
  if (ranges.length === 0) return Promise.resolve([]);
  return readIn(db, ['fates'], async (transaction) => {
    const fates = transaction.objectStore('fates');
    const found = await together<SettledFate[][]>(
      ...ranges.map(({ stream, first, last }) => async (): Promise<SettledFate[]> => {
        const range = IDBKeyRange.bound(
          fateKey({ stream, number: first }),
          fateKey({ stream, number: last }),
        );
        const [keys, values] = await together<[IDBValidKey[], unknown[]]>(
          () => fates.getAllKeys(range),
          () => fates.getAll(range),
        );
        return keys.map((key, index) => parseFate(key, values[index])).filter((fate) => fate !== undefined);
      }),
    );
    return found.flat();
  });
}
