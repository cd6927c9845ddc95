import { type DeviceId, type EpochId, instant, streamKeyText, type UpFrame } from '@fieldpost/protocol';
import { logOf, type MemoryDatabase } from '@fieldpost/sdk/testing';
import { copyDeep } from './copy.ts';
import {
  createDevice,
  type DeviceEffect,
  type DeviceEvent,
  type DeviceState,
  type Moment,
  openConnection,
  type Signal,
  stepDevice,
} from './core.ts';
import {
  listSegments,
  loadSegments,
  renewDevice,
  offer,
  renumber,
  reopen,
  settle,
  takeLease,
  type Written,
} from './device-disk.ts';
import type { Line, Tab, World } from './world.ts';

/** Time stands still; that a wait ends is something that happens, like all else. */
export const MOMENT: Moment = { now: instant(0), wallMs: 1_800_000_000_000, jitter: 0.5 };
const PAUSED_UNTIL = instant(1);
/** More rewinds in a row only make the pause between them longer. */
const REWINDS_TOLD_APART = 3;
const GATEWAY_NOW = 1_800_000_000_000;
export const PRINCIPAL = {
  subject: 'rep',
  expiresAt: Number.MAX_SAFE_INTEGER,
  grants: { send: ['*'], receive: [], manage: [] },
};

/** Starts the SDK in a tab: a new epoch, the log is read, and it connects when it leads. */
export function startTab(world: World, index: number): World {
  const { tab, database: stored } = partsOf(world, index);
  const { flaws } = world.setup;
  const starts = tab.starts + 1;
  const epoch = flaws.oneEpoch === true ? epochOf(0, 0) : epochOf(index, starts);
  const database = flaws.renumberAtStart === true ? renumber(stored, epoch) : stored;
  const state = createDevice({
    device: database.device ?? failWithout('a device id'),
    holder: `${tab.name}.${starts}`,
    client: '',
    epoch,
    socketAllowed: true,
  });
  const started: Tab = { ...tab, starts, state, seen: {}, line: undefined, signals: [], open: [] };
  const disks = world.disks.with(tab.disk, database);
  return feedTab(withTab({ ...world, disks }, index, started), index, { type: 'started' });
}

/** The epochs of different starts and tabs are different, in every order of starts. */
export function epochOf(tab: number, minted: number): EpochId {
  return `${String(tab).padStart(16, '0')}${String(minted).padStart(16, '0')}` as EpochId;
}

/** Lets a tab hear an event, and performs all that needs no one else, until it waits for somebody. */
export function feedTab(world: World, index: number, event: DeviceEvent): World {
  const { tab, database } = partsOf(world, index);
  if (tab.state === undefined) return world;
  const run: Run = {
    world,
    index,
    state: copyDeep(tab.state),
    database,
    tab,
    events: [event],
  };
  for (let next = run.events.shift(); next !== undefined; next = run.events.shift()) {
    for (const effect of stepDevice(run.state, next, MOMENT)) perform(run, effect);
    goOnAtOnce(run);
  }
  forgetCounts(run.state);
  const disks = run.world.disks.with(tab.disk, run.database);
  return withTab({ ...run.world, disks }, index, { ...run.tab, state: run.state });
}

interface Run {
  world: World;
  readonly index: number;
  readonly state: DeviceState;
  database: MemoryDatabase;
  tab: Tab;
  readonly events: DeviceEvent[];
}

/** A wait before the next connection is over at once: what may happen meanwhile happens before it is opened as well. */
function goOnAtOnce(run: Run): void {
  const { session } = run.state;
  if (run.events.length > 0 || session.phase.kind !== 'waiting') return;
  run.state.session = { ...session, phase: { ...session.phase, until: MOMENT.now } };
  run.events.push({ type: 'deadlineReached' });
}

/** Ends the pauses of lanes that were rewound in vain. */
export function endPauses(world: World, index: number): World {
  const { tab } = partsOf(world, index);
  if (tab.state === undefined) return world;
  const state = copyDeep(tab.state);
  for (const lane of state.outbox.lanes.values())
    if (lane.heldUntil !== undefined) lane.heldUntil = MOMENT.now;
  return feedTab(withTab(world, index, { ...tab, state }), index, { type: 'deadlineReached' });
}

/** Which way frames travel and how long a pause lasts is no part of the rules: rows of failures are forgotten. */
function forgetCounts(state: DeviceState): void {
  state.session = { ...state.session, failures: 0, socketFailures: 0, rejections: 0 };
  for (const lane of state.outbox.lanes.values()) {
    lane.rewinds = Math.min(lane.rewinds, REWINDS_TOLD_APART);
    if (lane.heldUntil !== undefined) lane.heldUntil = PAUSED_UNTIL;
  }
}

/** What a tab asks of its surroundings here. The rest is for people, or given up together with the tab. */
const PERFORMED = [
  'readLog',
  'list',
  'load',
  'settle',
  'offer',
  'reopen',
  'renewDevice',
  'askLease',
  'acquireLock',
  'askToken',
  'connect',
  'send',
  'disconnect',
  'post',
  'endEpoch',
] as const;
type Performed = Extract<DeviceEffect, { readonly type: (typeof PERFORMED)[number] }>;

function isPerformed(effect: DeviceEffect): effect is Performed {
  return PERFORMED.some((type) => type === effect.type);
}

function perform(run: Run, effect: DeviceEffect): void {
  const { events } = run;
  if (!isPerformed(effect)) return;
  switch (effect.type) {
    case 'readLog':
      events.push(readLog(run.database));
      return;
    case 'list':
      events.push({ type: 'listed', after: effect.after, keys: listSegments(run.database, effect.after) });
      return;
    case 'load': {
      const { load, after } = effect;
      events.push({ type: 'loaded', load, after, segments: loadSegments(run.database, after) });
      return;
    }
    case 'settle': {
      const result = write(run, settle(run.database, run.state.holder, effect.settlement));
      events.push({ type: 'settled', held: result });
      return;
    }
    case 'offer': {
      const result = write(run, offer(run.database, run.state.holder, effect.upTo));
      events.push({ type: 'offered', ...result });
      return;
    }
    case 'reopen': {
      const result = write(run, reopen(run.database, run.state.holder, effect.reopening));
      events.push({ type: 'reopened', result });
      return;
    }
    case 'renewDevice': {
      const result = write(run, renewDevice(run.database, effect.from, nextDevice(effect.from)));
      events.push({ type: 'deviceRenewed', device: result });
      return;
    }
    case 'askLease': {
      const result = write(run, takeLease(run.database, run.state.holder, effect));
      events.push({ type: 'leaseAnswered', lease: result });
      return;
    }
    case 'acquireLock':
      takeLock(run);
      return;
    case 'askToken':
      events.push({
        type: 'tokenGiven',
        connection: effect.connection,
        token: { text: 'token', endsAtMs: undefined },
      });
      return;
    case 'connect':
      run.tab = { ...run.tab, line: newLine() };
      return;
    case 'send':
      run.tab = sendUp(run.tab, flawedFrames(run, effect.frames));
      return;
    case 'disconnect':
      leaveLine(run);
      return;
    case 'post':
      run.world = tellOthers(run, effect.signal);
      return;
    case 'endEpoch':
      mintEpoch(run);
      return;
  }
}

function takeLock(run: Run): void {
  if (run.world.tabs.some((other) => other.disk === run.tab.disk && other.hasLock)) return;
  run.tab = { ...run.tab, hasLock: true };
  run.events.push({ type: 'lockHeld' });
}

function readLog(database: MemoryDatabase): DeviceEvent {
  const log = logOf(database);
  return { type: 'logRead', log, keys: listSegments(database, log.settledUpTo) };
}

function write<Result>(run: Run, { database, result }: Written<Result>): Result {
  run.database = database;
  return result;
}

/** Another id for a device: the next one after its own. */
function nextDevice(device: DeviceId): DeviceId {
  const next = Number.parseInt(device.slice(24), 16) + 0x1000;
  return (device.slice(0, 24) + next.toString(16).padStart(12, '0')) as DeviceId;
}

function newLine(): Line {
  return { isOpen: false, up: [], down: [], gateway: openConnection(PRINCIPAL, GATEWAY_NOW) };
}

function sendUp(tab: Tab, frames: readonly UpFrame[]): Tab {
  if (tab.line === undefined) return tab;
  // A close-epochs only starts a retention, and may be lost at any time: here it always is, which halves the states.
  const sent = frames.filter(({ type }) => type !== 'close-epochs');
  return { ...tab, line: { ...tab.line, up: [...tab.line.up, ...sent] } };
}

function flawedFrames({ state, world }: Run, frames: readonly UpFrame[]): readonly UpFrame[] {
  if (world.setup.flaws.settledStreamsUnnamed !== true) return frames;
  const waiting = new Set(
    [...state.outbox.streams.values()].filter(({ segments }) => segments.length > 0).map(({ text }) => text),
  );
  return frames.map((frame) =>
    frame.type === 'hello'
      ? { ...frame, streams: frame.streams.filter((stream) => waiting.has(streamKeyText(stream))) }
      : frame,
  );
}

/** Gives the connection up; what was sent may still arrive. */
function leaveLine(run: Run): void {
  const { line } = run.tab;
  run.tab = { ...run.tab, line: undefined };
  if (line !== undefined) run.world = withLateLine(run.world, line);
}

export function withLateLine(world: World, { up, gateway }: Line): World {
  return up.length === 0 ? world : { ...world, lateLines: [...world.lateLines, { up, gateway }] };
}

function tellOthers(run: Run, signal: Signal): World {
  // Told to people only.
  if (signal.type === 'online') return run.world;
  const text = JSON.stringify(signal);
  const tabs = run.world.tabs.map((tab, index) => {
    if (index === run.index || tab.disk !== run.tab.disk || tab.state === undefined) return tab;
    // Two of the same in a row say what one says.
    if (JSON.stringify(tab.signals.at(-1)) === text) return tab;
    return { ...tab, signals: [...tab.signals, signal] };
  });
  return { ...run.world, tabs };
}

function mintEpoch(run: Run): void {
  if (run.world.setup.flaws.oneEpoch === true) return;
  const starts = run.tab.starts + 1;
  run.tab = { ...run.tab, starts, seen: {} };
  run.events.push({ type: 'epochMinted', epoch: epochOf(run.index, starts) });
}

/** The saver found that its epoch cannot go on. */
export function renewEpoch(world: World, index: number): World {
  const { tab } = partsOf(world, index);
  const starts = tab.starts + 1;
  const renewed = withTab(world, index, { ...tab, starts, seen: {} });
  return feedTab(renewed, index, { type: 'epochMinted', epoch: epochOf(index, starts) });
}

export function partsOf(world: World, index: number): { tab: Tab; database: MemoryDatabase } {
  const tab = world.tabs[index] ?? failWithout(`tab ${index}`);
  return { tab, database: world.disks[tab.disk] ?? failWithout(`a disk of ${tab.name}`) };
}

export function withTab(world: World, index: number, tab: Tab): World {
  return { ...world, tabs: world.tabs.with(index, tab) };
}

function failWithout(what: string): never {
  throw new Error(`the world has no ${what}`);
}
