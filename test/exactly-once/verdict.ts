import type { MemoryDisk } from '@fieldpost/gateway/testing';
import {
  type MessageId,
  type StreamKey,
  streamKeyText,
  unpackEntries,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { Delivery } from '@fieldpost/sdk';
import type { DeadLetter, MemoryDatabase } from '@fieldpost/sdk/testing';

/** What is known of one device when all is over. */
export interface DeviceEvidence {
  readonly name: string;
  readonly database: MemoryDatabase;
  /** By position: what segments held before they were damaged. */
  readonly originals: ReadonlyMap<number, Uint8Array>;
  /** By lane text: the ids in the queues, in queue order. */
  readonly arrived: ReadonlyMap<string, readonly string[]>;
  /** What living tabs were told of their messages. */
  readonly heard: readonly (readonly [id: string, delivery: Delivery | undefined])[];
  /** What the gateway's store knows of streams. */
  readonly streams: MemoryDisk['streams'];
  /** The store was replaced by an older copy, once at least. */
  readonly wentBack: boolean;
}

/** Holds what arrived, what was set aside and what was told against the log, which keeps everything that was saved. */
export function judgeDevice(evidence: DeviceEvidence): {
  readonly wrongs: readonly string[];
  readonly saved: ReadonlySet<string>;
} {
  const { name, database, arrived, heard, streams } = evidence;
  const wrongs: string[] = [];
  const fates = new Map<string, string>();
  const letters = new Map(database.deadLetters.map((letter) => [placeOf(letter), letter]));
  const expected = new Map<string, string[]>();
  for (const message of savedMessages(evidence)) {
    const lane = `${message.stream.priority}${message.stream.queue}`;
    const ids = expected.get(lane) ?? [];
    expected.set(lane, ids);
    const letter = letters.get(placeOf(message));
    letters.delete(placeOf(message));
    const isLost = isRecordedAsLost(message, streams);
    const hasArrived = arrived.get(lane)?.includes(message.id) === true;
    // Skipped as unreadable; and then a store came back in which it had arrived, or a disk on which it can be read.
    const isBack =
      letter?.state === 'unreadable' &&
      ((evidence.wentBack && message.isDamaged) || isSkipped(message, streams));
    const right = isBack ? UNREADABLE : isLost ? 'delivered' : rightFate(message, hasArrived);
    fates.set(message.id, right);
    // What this device could not send again, a clone may have filled in late.
    const isLate = evidence.wentBack && message.isDamaged;
    if (!isLate && (hasArrived || right === 'delivered') && !isLost) ids.push(message.id);
    if (isLost && !message.isDamaged) wrongs.push(`${name}: ${message.id} is recorded as lost, and is here`);
    const told = letter === undefined ? 'delivered' : `${letter.state} ${letter.code}`;
    if (told !== right) wrongs.push(`${name}: ${message.id} is written down as ${told}, not ${right}`);
  }
  for (const letter of letters.values()) wrongs.push(`${name}: ${letter.id} was set aside and never saved`);
  for (const [lane, ids] of expected)
    wrongs.push(...compare(`${name} ${lane}`, ids, arrived.get(lane) ?? []));
  for (const [id, delivery] of heard) {
    if (toldAs(delivery) !== fates.get(id)) {
      wrongs.push(`${name}: a tab heard ${toldAs(delivery)} of ${id}, which is ${fates.get(id)}`);
    }
  }
  return { wrongs, saved: new Set(fates.keys()) };
}

/** Holds what arrived against all that was ever saved. */
export function judgeArrivals(
  arrived: ReadonlyMap<string, readonly string[]>,
  saved: ReadonlySet<string>,
): string[] {
  const wrongs: string[] = [];
  for (const [lane, ids] of arrived) {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    for (const [id, count] of counts) {
      if (count > 1) wrongs.push(`${lane}: ${id} arrived ${count} times`);
      if (!saved.has(id)) wrongs.push(`${lane}: ${id} arrived and was never saved`);
    }
  }
  return wrongs;
}

function isSkipped({ stream, number }: SavedMessage, streams: MemoryDisk['streams']): boolean {
  return streams.get(streamKeyText(stream))?.skips.get(number)?.code === 'unreadable';
}

function isRecordedAsLost({ stream, number }: SavedMessage, streams: MemoryDisk['streams']): boolean {
  const ranges = [...(streams.get(streamKeyText(stream))?.lost.values() ?? [])];
  return ranges.some(({ first, last }) => first <= number && number <= last);
}

interface SavedMessage {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  readonly bodyBytes: number;
  readonly isDamaged: boolean;
}

/** Everything that stands in the log. */
export function* savedMessages({
  database,
  originals,
}: Pick<DeviceEvidence, 'database' | 'originals'>): Generator<SavedMessage> {
  for (const { key, messages } of database.segments.values()) {
    const packed = messages ?? originals.get(key.position);
    if (packed === undefined) throw new Error(`nobody knows what segment ${key.position} held`);
    for (const [index, message] of unpackEntries(packed, key.count).entries()) {
      yield {
        id: uuidFromBytes(message.subarray(0, 16)) as MessageId,
        stream: key.stream,
        number: key.first + index,
        bodyBytes: message.length - 18,
        isDamaged: messages === undefined,
      };
    }
  }
}

/** A damaged message may have been sent before it was damaged, or not: both are right, but for good. */
function rightFate({ stream, bodyBytes, isDamaged }: SavedMessage, hasArrived: boolean): string {
  if (stream.queue === 'missing') return 'refused queue-not-found';
  if (stream.queue === 'tiny' && bodyBytes > 40) return 'refused too-large';
  return isDamaged && !hasArrived ? UNREADABLE : 'delivered';
}

const UNREADABLE = 'unreadable unreadable';

function placeOf({ stream, number }: Pick<DeadLetter, 'stream' | 'number'>): string {
  return `${streamKeyText(stream)} ${number}`;
}

function toldAs(delivery: Delivery | undefined): string {
  if (delivery === undefined) return 'nothing';
  return 'code' in delivery ? `${delivery.outcome} ${delivery.code}` : delivery.outcome;
}

function compare(where: string, expected: readonly string[], arrived: readonly string[]): string[] {
  const wrongs: string[] = [];
  const places = new Map(arrived.map((id, index) => [id, index]));
  for (const id of expected) if (!places.has(id)) wrongs.push(`${where}: ${id} is lost`);
  const order = expected.map((id) => places.get(id) ?? -1);
  if (wrongs.length === 0 && order.some((place, index) => index > 0 && place < (order[index - 1] ?? 0))) {
    wrongs.push(`${where}: out of order\n  saved   ${expected.join(' ')}\n  arrived ${arrived.join(' ')}`);
  }
  return wrongs;
}
