import { encodeMessage, packEntries } from '@fieldpost/protocol';
import { copyDeep } from './copy.ts';
import { laneText, planSave } from './core.ts';
import { saveSegments } from './device-disk.ts';
import { type CrashPoint, serveFrame } from './run-gateway.ts';
import {
  endPauses,
  feedTab,
  MOMENT,
  partsOf,
  renewEpoch,
  startTab,
  withLateLine,
  withTab,
} from './run-tab.ts';
import { bodyOf, type Faults, idOf, LANE, type Line, nameOf, type Tab, type World } from './world.ts';

/** One thing that can happen next. */
export interface Move {
  readonly text: string;
  /** What it takes from the budget; undefined when it is no fault. */
  readonly fault: keyof Faults | undefined;
  readonly run: () => World;
}

/** Everything that can happen next, always in the same order. */
export function movesOf(world: World): Move[] {
  const moves: Move[] = [];
  const add = (text: string, run: () => World): void => {
    moves.push({ text, fault: undefined, run });
  };
  const addFault = (fault: keyof Faults, text: string, run: (spent: World) => World): void => {
    const left = world.left[fault];
    if (left === 0) return;
    const spent: World = { ...world, left: { ...world.left, [fault]: left - 1 } };
    moves.push({ text, fault, run: () => run(spent) });
  };
  for (const [index, tab] of world.tabs.entries()) {
    if (world.disks[tab.disk] === undefined) continue;
    if (tab.state !== undefined) addTabMoves(world, index, tab, add, addFault);
    else if (mayStart(world, tab)) add(`${tab.name} starts`, () => startTab(world, index));
  }
  for (const [index, line] of world.lateLines.entries()) {
    const [frame, ...rest] = line.up;
    if (frame === undefined) continue;
    add(`a late ${frame.type} of a connection that was given up arrives`, () => {
      const served = serveFrame(world, line.gateway, frame);
      const lateLines = world.lateLines.toSpliced(
        index,
        1,
        ...(rest.length === 0 ? [] : [{ up: rest, gateway: served.state }]),
      );
      return { ...served.world, lateLines };
    });
  }
  addDiskMoves(world, add, addFault);
  return moves;
}

/** A tab that crashed is not opened again while another one of its device goes on, which halves the states. */
function mayStart({ tabs }: World, { disk, starts }: Tab): boolean {
  return starts === 0 || tabs.every((tab) => tab.disk !== disk || tab.state === undefined);
}

type Add = (text: string, run: () => World) => void;
type AddFault = (fault: keyof Faults, text: string, run: (spent: World) => World) => void;

function addTabMoves(world: World, index: number, tab: Tab, add: Add, addFault: AddFault): void {
  addSends(world, index, tab, add, addFault);
  const { line } = tab;
  const [signal, ...signals] = tab.signals;
  if (signal !== undefined)
    add(`${tab.name} hears that another tab ${signal.type}`, () =>
      feedTab(withTab(world, index, { ...tab, signals }), index, { type: 'signalled', signal }),
    );
  if (isPaused(tab)) add(`the pause of ${tab.name} is over`, () => endPauses(world, index));
  if (line !== undefined) {
    if (!line.isOpen) add(`${tab.name} connects and says hello`, () => openLine(world, index, tab, line));
    addFrameMoves(world, index, tab, line, add, addFault);
    if (line.isOpen && isWaitingInVain(tab, line))
      add(`${tab.name} waits too long for an answer and gives up the connection`, () =>
        cutLine(world, index),
      );
    addFault('cut', `the connection of ${tab.name} breaks`, (spent) => cutLine(spent, index));
  }
  addFault('powerLoss', `the device of ${tab.name} loses power`, (spent) => killTabs(spent, tab.disk));
  addFault('tabCrash', `${tab.name} crashes`, (spent) => passLock(killTab(spent, index), tab));
}

function isPaused({ state }: Tab): boolean {
  return [...(state?.outbox.lanes.values() ?? [])].some(({ heldUntil }) => heldUntil !== undefined);
}

/** Whether an answer is outstanding and none is under way: time passes, and the device notices. */
function isWaitingInVain({ state }: Tab, { up, down }: Line): boolean {
  if (state === undefined || up.length + down.length > 0) return false;
  return state.session.phase.kind === 'greeting' || (state.outbox.draining?.inFlight.length ?? 0) > 0;
}

function addSends(world: World, index: number, tab: Tab, add: Add, addFault: AddFault): void {
  const { setup, sent } = world;
  const name = nameOf(idOf(sent));
  if (sent < setup.messages.length && !setup.transactions)
    add(`the app sends ${name} in ${tab.name}`, () => save({ ...world, sent: sent + 1 }, index, sent));
  if (sent < setup.messages.length && setup.transactions)
    add(`the app begins a transaction with ${name} in ${tab.name}`, () => beginSave(world, index, tab));
  for (const [place, open] of tab.open.entries()) {
    const closed: Tab = { ...tab, open: tab.open.toSpliced(place, 1) };
    add(`the transaction with ${nameOf(idOf(open.message))} is committed`, () =>
      save(withTab(world, index, closed), index, open.message, open.number),
    );
    addFault('abort', `the transaction with ${nameOf(idOf(open.message))} is given up`, (spent) =>
      withTab(spent, index, closed),
    );
  }
}

function beginSave(world: World, index: number, tab: Tab): World {
  const { flaws } = world.setup;
  const lane = laneText(LANE);
  const drawn = (tab.seen[lane] ?? 0) + 1;
  const open = { message: world.sent, number: flaws.numberBeforeSave === true ? drawn : undefined };
  const seen = flaws.numberBeforeSave === true ? { ...tab.seen, [lane]: drawn } : tab.seen;
  const begun: Tab = { ...tab, seen, open: [...tab.open, open] };
  return withTab({ ...world, sent: world.sent + 1 }, index, begun);
}

/** Saves a message: its number is drawn in the write, unless a flaw drew it before. */
function save(before: World, index: number, message: number, drawn?: number): World {
  let world = before;
  for (;;) {
    const { tab, database } = partsOf(world, index);
    if (tab.state === undefined) return world;
    const { epoch } = tab.state;
    const tail = database.tails.get(epoch);
    const id = idOf(message);
    const body = bodyOf(world.setup, message);
    const messages = packEntries([encodeMessage({ id, properties: {}, body })]);
    const draft = { lane: LANE, count: 1, messages, savedAt: MOMENT.wallMs };
    const planned = planSave(epoch, tail, [draft], drawn === undefined ? tab.seen : {}, id);
    if (planned.type === 'rolled-back') {
      world = renewEpoch(feedTab(world, index, { type: 'rolledBack' }), index);
      continue;
    }
    const decision =
      drawn === undefined || planned.type !== 'write'
        ? planned
        : { ...planned, segments: planned.segments.map((segment) => ({ ...segment, first: drawn })) };
    const written = saveSegments(database, tail, decision);
    if (written === undefined) return world;
    const lane = laneText(LANE);
    const last = written.result.at(-1)?.first ?? 0;
    const seen = drawn === undefined ? { ...tab.seen, [lane]: last } : tab.seen;
    const disks = world.disks.with(tab.disk, written.database);
    world = withTab({ ...world, disks }, index, { ...tab, seen });
    return feedTab(world, index, { type: 'saved', keys: written.result, contents: [messages] });
  }
}

function openLine(world: World, index: number, tab: Tab, line: Line): World {
  const opened = withTab(world, index, { ...tab, line: { ...line, isOpen: true } });
  return feedTab(opened, index, { type: 'opened', connection: tab.state?.session.connection ?? 0 });
}

function addFrameMoves(
  world: World,
  index: number,
  tab: Tab,
  line: Line,
  add: Add,
  addFault: AddFault,
): void {
  const { flaws } = world.setup;
  for (const [place, frame] of line.up.entries()) {
    const name = `${frame.type} of ${tab.name}`;
    const rest: Line = { ...line, up: line.up.toSpliced(place, 1) };
    if (place > 0) {
      addFault('swap', `the ${name} overtakes ${place} others`, (spent) => serve(spent, index, rest, place));
      continue;
    }
    add(`the ${name} arrives`, () => serve(world, index, rest, place));
    addFault('lose', `the ${name} is lost`, (spent) => withTab(spent, index, { ...tab, line: rest }));
    if (frame.type !== 'hello')
      addFault('double', `the ${name} arrives and comes again`, (spent) => serve(spent, index, line, place));
    if (flaws.markAfterMessages === true && frame.type === 'push')
      addFault('crash', `the ${name} arrives and the gateway dies between messages and mark`, (spent) =>
        cutLine(serve(spent, index, rest, place, 'after the messages'), index),
      );
    if (flaws.answerBeforeCommit === true && frame.type === 'push')
      addFault('crash', `the ${name} is answered and the gateway dies before the commit`, (spent) =>
        serve(spent, index, rest, place, 'before the commit'),
      );
  }
  for (const [place, frame] of line.down.entries()) {
    const name = `${frame.type} for ${tab.name}`;
    const rest: Line = { ...line, down: line.down.toSpliced(place, 1) };
    const hear = (from: World, left: Line): World =>
      feedTab(withTab(from, index, { ...tab, line: left }), index, {
        type: 'frameReceived',
        connection: tab.state?.session.connection ?? 0,
        frame,
      });
    if (place > 0) {
      addFault('swap', `the ${name} overtakes ${place} others`, (spent) => hear(spent, rest));
      continue;
    }
    add(`the ${name} arrives`, () => hear(world, rest));
    addFault('lose', `the ${name} is lost`, (spent) => withTab(spent, index, { ...tab, line: rest }));
    if (frame.type === 'ack')
      addFault('double', `the ${name} arrives and comes again`, (spent) => hear(spent, line));
  }
}

/** Has the gateway take the frame at `place` of the tab's line; `left` is the line without it, or with it again. */
function serve(world: World, index: number, left: Line, place: number, crash: CrashPoint = 'none'): World {
  const { tab } = partsOf(world, index);
  const frame = tab.line?.up[place];
  if (frame === undefined || tab.line === undefined) return world;
  const served = serveFrame(world, tab.line.gateway, frame, crash);
  const line: Line = { ...left, down: [...left.down, ...served.replies], gateway: served.state };
  return withTab(served.world, index, { ...tab, line });
}

function cutLine(world: World, index: number): World {
  const { tab } = partsOf(world, index);
  if (tab.line === undefined) return world;
  const without = withLateLine(withTab(world, index, { ...tab, line: undefined }), tab.line);
  const reason = { code: 'lost', detail: '' } as const;
  const connection = tab.state?.session.connection ?? 0;
  return feedTab(without, index, { type: 'closed', connection, reason });
}

/** Nothing runs on the device any more; its disk keeps what was committed. */
function killTabs(world: World, disk: number): World {
  return world.tabs.reduce((left, tab, index) => (tab.disk === disk ? killTab(left, index) : left), world);
}

function killTab(world: World, index: number): World {
  const { tab } = partsOf(world, index);
  const left = tab.line === undefined ? world : withLateLine(world, tab.line);
  const off = { state: undefined, hasLock: false, line: undefined, seen: {}, signals: [], open: [] };
  return withTab(left, index, { ...tab, ...off });
}

/** The lock of a tab that is gone falls to the next one that waits for it. */
function passLock(world: World, { disk, hasLock }: Tab): World {
  const next = world.tabs.findIndex((tab) => tab.disk === disk && tab.state !== undefined);
  const heir = world.tabs[next];
  if (!hasLock || heir === undefined) return world;
  return feedTab(withTab(world, next, { ...heir, hasLock: true }), next, { type: 'lockHeld' });
}

function addDiskMoves(world: World, add: Add, addFault: AddFault): void {
  const { disks, gateway, left } = world;
  const [first] = disks;
  if (first !== undefined && left.diskRollback > 0 && world.diskImage === undefined)
    add('the disk of device 1 is copied', () => ({ ...world, diskImage: first }));
  const { diskImage } = world;
  if (diskImage !== undefined)
    addFault('diskRollback', 'the disk of device 1 is set back to the copy', (spent) => {
      const killed = killTabs(spent, 0);
      return { ...killed, disks: killed.disks.with(0, diskImage), diskImage: undefined };
    });
  if (first !== undefined && disks.length > 1 && disks[1] === undefined)
    addFault('clone', 'device 1 is cloned to device 2', (spent) => ({
      ...spent,
      disks: disks.with(1, first.copy()),
    }));
  if (left.storeRollback > 0 && gateway.image === undefined)
    add("the gateway's store is copied", () => ({
      ...world,
      gateway: { ...gateway, image: gateway.disk },
    }));
  if (gateway.image !== undefined)
    addFault('storeRollback', "the gateway's store is set back to the copy", (spent) => rollBackStore(spent));
}

/** The gateway stops, its store is replaced by the copy, and it starts again. */
function rollBackStore(world: World): World {
  const { image } = world.gateway;
  if (image === undefined) return world;
  let rolledBack: World = {
    ...world,
    lateLines: [],
    gateway: {
      ...world.gateway,
      disk: { ...copyDeep(image), opening: `after ${world.left.storeRollback} more` },
      image: undefined,
      wentBack: true,
    },
  };
  for (const [index, tab] of rolledBack.tabs.entries()) {
    if (tab.line === undefined) continue;
    // What was on its way up is lost with the connection: the gateway that had it is gone.
    rolledBack = cutLine(withTab(rolledBack, index, { ...tab, line: { ...tab.line, up: [] } }), index);
  }
  return rolledBack;
}
