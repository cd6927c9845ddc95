import { streamKeyText, unpackEntries, uuidFromBytes } from '@fieldpost/protocol';
import type { MemoryDatabase } from '@fieldpost/sdk/testing';
import { inQueueOrder } from './core.ts';
import { nameOf, type World } from './world.ts';

/** What holds in every state that can be reached. Each says what is wrong, or nothing. */
export interface Invariant {
  readonly name: string;
  readonly check: (world: World, facts: Facts) => string | undefined;
}

/** What the invariants look at, read once for each state. */
export interface Facts {
  /** Ids in the gateway's queue, in queue order. */
  readonly arrived: readonly string[];
  /** By device: what is in its log, in save order. */
  readonly logs: readonly (readonly LoggedMessage[])[];
}

interface LoggedMessage {
  readonly id: string;
  readonly stream: string;
  readonly number: number;
  /** Below the stream's mark: the app was told of it. */
  readonly isSettled: boolean;
  /** As which it was set aside. */
  readonly letter: string | undefined;
  readonly isRefused: boolean;
}

/** The names of the invariants. */
export const INVARIANT = {
  twice: 'nothing arrives twice',
  told: 'what a device was told delivered is at the gateway',
  refusal: 'what was refused is told as refused',
  order: 'messages of a device arrive in save order',
  number: 'a number names one message for ever',
  mark: 'every number up to the mark has one fate',
  doubt: 'nothing is left in doubt',
  fencing: 'only the session in force changes the store',
} as const;

export const LIVENESS = 'from every state all can still be delivered without another fault';

export const INVARIANTS: readonly Invariant[] = [
  { name: INVARIANT.twice, check: findTwice },
  { name: INVARIANT.told, check: findSilentLoss },
  { name: INVARIANT.refusal, check: findUntoldRefusal },
  { name: INVARIANT.order, check: findOutOfOrder },
  { name: INVARIANT.number, check: findRenumbered },
  { name: INVARIANT.mark, check: findWrongMark },
  { name: INVARIANT.doubt, check: findDoubt },
  { name: INVARIANT.fencing, check: (world) => world.mishap },
];

export function factsOf(world: World): Facts {
  const arrived = [...world.gateway.disk.queues.values()].flatMap((queue) =>
    [...inQueueOrder(queue)].map(({ id }) => id),
  );
  return { arrived, logs: world.disks.map((disk) => (disk === undefined ? [] : logOf(world, disk))) };
}

function logOf(world: World, database: MemoryDatabase): LoggedMessage[] {
  const letters = new Map(database.deadLetters.map((letter) => [letter.id as string, letter]));
  return [...database.segments.values()].flatMap(({ key, messages }) => {
    const stream = streamKeyText(key.stream);
    const mark = database.marks.get(stream)?.acknowledged ?? 0;
    return unpackEntries(messages ?? new Uint8Array(), key.count).map((entry, index) => {
      const id = uuidFromBytes(entry.subarray(0, 16));
      const number = key.first + index;
      const letter = letters.get(id);
      return {
        id,
        stream,
        number,
        isSettled: number <= mark,
        letter: letter === undefined ? undefined : `${letter.state} ${letter.code}`,
        isRefused: world.setup.messages[Number(nameOf(id).slice(1)) - 1] === 'refused',
      };
    });
  });
}

function findTwice(_: World, { arrived }: Facts): string | undefined {
  const twice = arrived.find((id, index) => arrived.indexOf(id) !== index);
  return twice === undefined ? undefined : `${nameOf(twice)} is in the queue twice`;
}

/**
 * After the store went back in time, a device that has not been welcomed since cannot know; every other one has taken back
 * what it was told.
 */
function findSilentLoss({ gateway, tabs }: World, { logs, arrived }: Facts): string | undefined {
  for (const [device, log] of logs.entries()) {
    const isWelcomed = tabs.some(
      ({ disk, state }) => disk === device && state?.session.phase.kind === 'live',
    );
    if (gateway.wentBack && !isWelcomed) continue;
    const lost = log.find(
      (message) => message.isSettled && message.letter === undefined && !arrived.includes(message.id),
    );
    if (lost !== undefined && !lost.isRefused)
      return `device ${device + 1} was told that ${nameOf(lost.id)} is delivered, and it is not in the queue`;
  }
  return undefined;
}

function findUntoldRefusal(_: World, { logs, arrived }: Facts): string | undefined {
  for (const [device, log] of logs.entries()) {
    for (const { id, isRefused, isSettled, letter } of log) {
      if (isRefused && arrived.includes(id)) return `${nameOf(id)} was to be refused and is in the queue`;
      if (isRefused && isSettled && letter === undefined)
        return `device ${device + 1} was told that ${nameOf(id)} is delivered; it was refused`;
      if (!isRefused && letter?.startsWith('refused'))
        return `device ${device + 1} was told that ${nameOf(id)} is refused`;
    }
  }
  return undefined;
}

function findOutOfOrder(_: World, { logs, arrived }: Facts): string | undefined {
  for (const [device, log] of logs.entries()) {
    const places = log.map(({ id }) => arrived.indexOf(id)).filter((place) => place >= 0);
    const index = places.findIndex((place, at) => at > 0 && place < (places[at - 1] ?? 0));
    if (index > 0)
      return `device ${device + 1} saved ${log.map(({ id }) => nameOf(id)).join(' ')}; they stand as ${arrived.map(nameOf).join(' ')}`;
  }
  return undefined;
}

function findRenumbered({ disks }: World, { logs }: Facts): string | undefined {
  const names = new Map<string, string>();
  const places = new Map<string, string>();
  for (const { id, stream, number } of disks.flatMap((_, device) => logs[device] ?? [])) {
    const place = `${stream} ${number}`;
    const other = names.get(place) ?? id;
    if (other !== id) return `${nameOf(other)} and ${nameOf(id)} have the same number of the same stream`;
    if ((places.get(id) ?? place) !== place) return `${nameOf(id)} has two numbers`;
    names.set(place, id);
    places.set(id, place);
  }
  return undefined;
}

function findWrongMark({ gateway: { disk } }: World): string | undefined {
  for (const [text, stream] of disk.streams) {
    const taken = [...stream.refusals.keys(), ...stream.skips.keys()];
    for (const { first, last } of stream.lost.values())
      for (let number = first; number <= last; number++) taken.push(number);
    for (const queue of disk.queues.values()) {
      for (const { origin, priority } of inQueueOrder(queue)) {
        if (origin === undefined) continue;
        if (streamKeyText({ epoch: origin.epoch, queue: queue.row.name, priority }) === text)
          taken.push(origin.number);
      }
    }
    const expected = Array.from({ length: stream.accepted }, (_, index) => index + 1);
    if (taken.sort((a, b) => a - b).join() !== expected.join())
      return `a stream is accepted up to ${stream.accepted}, and it has fates for ${taken.join(', ') || 'nothing'}`;
  }
  return undefined;
}

/** With an epoch for each start no other message can stand under a number, so nothing is ever in doubt. */
function findDoubt(_: World, { logs }: Facts): string | undefined {
  for (const [device, log] of logs.entries()) {
    const doubted = log.find(({ letter }) => letter?.startsWith('in-doubt'));
    if (doubted !== undefined)
      return `device ${device + 1} does not know what became of ${nameOf(doubted.id)}`;
  }
  return undefined;
}

/** Whether everything that was sent has come to its end, also where the store had gone back behind it. */
export function isDrained(world: World, { logs, arrived }: Facts): boolean {
  if (world.sent < world.setup.messages.length || hasOpen(world)) return false;
  return logs.every((log) =>
    log.every(({ id, isSettled, letter }) => isSettled && (letter !== undefined || arrived.includes(id))),
  );
}

function hasOpen(world: World): boolean {
  return world.tabs.some(({ open }) => open.length > 0);
}

/** For a line of a trace: what each side holds. */
export function describe({ disks, gateway }: World, { logs, arrived }: Facts): string {
  const devices = disks.map((disk, device) => {
    if (disk === undefined) return '';
    const log = (logs[device] ?? []).map(({ id, number, isSettled, letter }) => {
      const fate = letter ?? (isSettled ? 'delivered' : 'waits');
      return `${nameOf(id)} #${number} ${fate}`;
    });
    return `device ${device + 1}: ${log.join(', ') || 'empty'}`;
  });
  const marks = [...gateway.disk.streams.values()].map(({ accepted }) => accepted);
  const queue = arrived.map(nameOf).join(' ') || 'empty';
  return [...devices.filter(Boolean), `queue: ${queue} (marks ${marks.join(' ') || 0})`].join(' · ');
}
