import { hash } from 'node:crypto';
import type { World } from './world.ts';

/**
 * What makes two worlds the same: everything that can have an effect on what happens next. Left out are counters that
 * only name things (connections, loads), what is told to operators, and sizes that no small world reaches.
 */
const LEFT_OUT = new Set([
  'setup',
  'minted',
  // Names of requests and connections: a world has at most one of each under way.
  'connection',
  'load',
  'loads',
  'listingsBegun',
  'listingsDone',
  // How fast and by which way frames travel.
  'answers',
  'paceBytes',
  'loadedBytes',
  'limits',
  'failures',
  'socketFailures',
  'rejections',
  'problem',
  'readFailures',
  // Told to people only.
  'client',
  'waiting',
  'waitingMessages',
  'firstSeenAt',
  'lastSeenAt',
  'principal',
  // The same for all messages here.
  'savedAt',
  'setAsideAt',
  'sentAt',
  'arrivedAt',
  'properties',
  'fault',
  // How often and when data was copied: only counted.
  'forkedAt',
  'recordedAt',
  'contacts',
]);

const textOfPart = new WeakMap<object, string>();

/** A short key that two worlds share only if they are the same. */
export function keyOf(world: World): string {
  const parts = [
    ...world.disks.map(partText),
    partText(world.diskImage),
    ...world.tabs.map(partText),
    ...world.lateLines.map(partText),
    partText(world.gateway),
    partText(world.left),
    String(world.sent),
  ];
  return hash('md5', withoutHistory(parts.join('\n')), 'base64');
}

function partText(part: object | undefined): string {
  if (part === undefined) return '-';
  const known = textOfPart.get(part);
  if (known !== undefined) return known;
  const pieces: string[] = [];
  write(part, new Map(), pieces);
  const text = pieces.join('');
  textOfPart.set(part, text);
  return text;
}

function write(value: unknown, known: Map<object, number>, pieces: string[]): void {
  if (typeof value !== 'object' || value === null) {
    pieces.push(String(value), ';');
    return;
  }
  if (value instanceof Uint8Array) {
    pieces.push(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'), ';');
    return;
  }
  if (isSession(value)) {
    pieces.push(`§${value.number}:${value.nonce}§`);
    return;
  }
  const before = known.get(value);
  if (before !== undefined) {
    pieces.push(`^${before};`);
    return;
  }
  known.set(value, known.size);
  writeInside(value, known, pieces);
}

function writeInside(value: object, known: Map<object, number>, pieces: string[]): void {
  if (Array.isArray(value) || value instanceof Set) {
    pieces.push('[');
    for (const item of value) write(item, known, pieces);
    pieces.push(']');
    return;
  }
  pieces.push('{');
  const entries = value instanceof Map ? value : Object.entries(value);
  for (const [key, item] of entries) {
    if (item === undefined || LEFT_OUT.has(key)) continue;
    write(key, known, pieces);
    if (key === 'attempt') pieces.push(`¤${String(item)}¤`);
    else if (key === 'attempts' && item instanceof Map)
      for (const [stream, attempt] of item) pieces.push(`${stream}¤${attempt}¤`);
    else write(item, known, pieces);
  }
  pieces.push('}');
}

function isSession(value: object): value is { readonly number: number; readonly nonce: string } {
  return 'nonce' in value && 'number' in value;
}

/**
 * Sessions and attempts only compare: which is higher, and which are the same. So their numbers are drawn together, keeping
 * order and whether one follows another, and the nonces of sessions are named by where they first stand.
 */
function withoutHistory(text: string): string {
  const sessions = drawTogether(text.matchAll(/§(\d+):\d+§/g));
  const attempts = drawTogether(text.matchAll(/¤(\d+)¤/g));
  const nonces = new Map<string, number>();
  return text
    .replace(/¤(\d+)¤/g, (_, attempt: string) => `¤${attempts.get(Number(attempt))}¤`)
    .replace(/§(\d+):(\d+)§/g, (_, number: string, nonce: string) => {
      if (!nonces.has(nonce)) nonces.set(nonce, nonces.size);
      return `§${sessions.get(Number(number))}:${nonces.get(nonce)}§`;
    });
}

function drawTogether(found: Iterable<RegExpMatchArray>): Map<number, number> {
  const numbers = new Set<number>();
  for (const [, number] of found) numbers.add(Number(number));
  const drawn = new Map<number, number>();
  let last = 0;
  let before = 0;
  for (const number of [...numbers].sort((a, b) => a - b)) {
    last += Math.min(number - before, 2);
    before = number;
    drawn.set(number, last);
  }
  return drawn;
}
