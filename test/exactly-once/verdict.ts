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
  /** By lane text: the ids in the queues that came from this device, in queue order. */
  readonly arrived: ReadonlyMap<string, readonly string[]>;
  /** What living tabs were told of their messages. */
  readonly heard: readonly (readonly [id: string, delivery: Delivery | undefined])[];
}

/** Holds what arrived, what was set aside and what was told against the log, which keeps everything that was saved. */
export function judgeDevice(evidence: DeviceEvidence): string[] {
  const { name, database, arrived, heard } = evidence;
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
    const right = rightFate(message, arrived.get(lane)?.includes(message.id) === true);
    fates.set(message.id, right);
    if (right === 'delivered') ids.push(message.id);
    const told = letter === undefined ? 'delivered' : `${letter.state} ${letter.code}`;
    if (told !== right) wrongs.push(`${name}: ${message.id} is written down as ${told}, not ${right}`);
  }
  for (const letter of letters.values()) wrongs.push(`${name}: ${letter.id} was set aside and never saved`);
  for (const lane of new Set([...expected.keys(), ...arrived.keys()])) {
    wrongs.push(...compare(`${name} ${lane}`, expected.get(lane) ?? [], arrived.get(lane) ?? []));
  }
  for (const [id, delivery] of heard) {
    if (toldAs(delivery) !== fates.get(id)) {
      wrongs.push(`${name}: a tab heard ${toldAs(delivery)} of ${id}, which is ${fates.get(id)}`);
    }
  }
  return wrongs;
}

interface SavedMessage {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  readonly bodyBytes: number;
  readonly isDamaged: boolean;
}

function* savedMessages({ database, originals }: DeviceEvidence): Generator<SavedMessage> {
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
  return isDamaged && !hasArrived ? 'unreadable unreadable' : 'delivered';
}

function placeOf({ stream, number }: Pick<DeadLetter, 'stream' | 'number'>): string {
  return `${streamKeyText(stream)} ${number}`;
}

function toldAs(delivery: Delivery | undefined): string {
  if (delivery === undefined) return 'nothing';
  return 'code' in delivery ? `${delivery.outcome} ${delivery.code}` : delivery.outcome;
}

function compare(where: string, expected: readonly string[], arrived: readonly string[]): string[] {
  const wrongs: string[] = [];
  const counts = new Map<string, number>();
  for (const id of arrived) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const id of expected) if (!counts.has(id)) wrongs.push(`${where}: ${id} is lost`);
  for (const [id, count] of counts) {
    if (count > 1) wrongs.push(`${where}: ${id} arrived ${count} times`);
    if (!expected.includes(id)) wrongs.push(`${where}: ${id} arrived and was never saved`);
  }
  if (wrongs.length === 0 && expected.some((id, index) => id !== arrived[index])) {
    wrongs.push(`${where}: out of order\n  saved   ${expected.join(' ')}\n  arrived ${arrived.join(' ')}`);
  }
  return wrongs;
}
