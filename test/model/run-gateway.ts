import type { MemoryDisk } from '@fieldpost/gateway/testing';
import {
  type DownFrame,
  type GenerationId,
  type MessageId,
  type SessionNonce,
  streamKeyText,
  type UpFrame,
} from '@fieldpost/protocol';
import { copyDeep } from './copy.ts';
import {
  applyChange,
  type Change,
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  decideAccept,
  decideCloseEpochs,
  decideTell,
  scopeOfFates,
  decideHello,
  loadSnapshot,
  type ReadPush,
  scopeOfCloseEpochs,
  scopeOfHello,
  scopeOfPush,
  type Snapshot,
  stepConnection,
} from './core.ts';
import type { Flaws, Gateway, World } from './world.ts';

const NOW = 1_800_000_000_000;

/** How far the gateway comes with a frame before it dies: what only a flaw makes different from a lost answer. */
export type CrashPoint = 'none' | 'after the messages' | 'before the commit';

export interface Served {
  readonly world: World;
  readonly state: ConnectionState;
  readonly replies: readonly DownFrame[];
}

/** Lets the gateway take one frame on one connection: decides, commits, answers. */
export function serveFrame(
  world: World,
  before: ConnectionState,
  frame: UpFrame,
  crash: CrashPoint = 'none',
): Served {
  const run: Run = { world, state: before, replies: [], crash, events: [] };
  run.events.push({ type: 'frame-received', frame, bytes: 1 });
  for (let event = run.events.shift(); event !== undefined; event = run.events.shift()) {
    const step = stepConnection(run.state, event, NOW);
    run.state = step.state;
    for (const effect of step.effects) perform(run, effect);
  }
  return run;
}

interface Run {
  world: World;
  state: ConnectionState;
  readonly replies: DownFrame[];
  readonly crash: CrashPoint;
  readonly events: ConnectionEvent[];
}

function perform(run: Run, effect: ConnectionEffect): void {
  switch (effect.type) {
    case 'decide-hello':
      return greet(run, effect);
    case 'decide-push':
      return accept(run, effect);
    case 'decide-close': {
      const context = { device: effect.device, subject: effect.principal.subject, now: NOW };
      const snapshot = loadSnapshot(run.world.gateway.disk, scopeOfCloseEpochs(effect.frame, effect.device));
      const { changes, result } = decideCloseEpochs(snapshot, effect.frame, context);
      commit(run, changes);
      run.events.push({ type: 'close-decided', cost: effect.cost, result });
      return;
    }
    case 'decide-fates': {
      const { request, principal, cost } = effect;
      const snapshot = loadSnapshot(run.world.gateway.disk, scopeOfFates(request.device, request.heard));
      const { changes, result } = decideTell(snapshot, request, { subject: principal.subject, now: NOW });
      commit(run, changes);
      run.events.push({ type: 'fates-decided', cost, result });
      return;
    }
    case 'send':
      run.replies.push(flawedReply(effect.frame, run.world.setup.flaws));
      return;
    case 'check-token':
    case 'disconnect':
      return;
  }
}

function greet(run: Run, { hello, principal }: Extract<ConnectionEffect, { type: 'decide-hello' }>): void {
  const { world } = run;
  const { fatesMax, flaws } = world.setup;
  const snapshot = withoutFates(loadSnapshot(world.gateway.disk, scopeOfHello(hello, fatesMax)), flaws);
  const { changes, result } = decideHello(snapshot, hello, {
    subject: principal.subject,
    now: NOW,
    nonce: nonceOf(world.minted),
    freshGeneration: freshGeneration(world),
    way: 'socket',
    fatesMax,
  });
  run.world = { ...world, minted: world.minted + 1 };
  commit(run, changes);
  if ('wentBack' in result && (result.wentBack.session || result.wentBack.streams.length > 0)) alarm(run);
  run.events.push({ type: 'hello-decided', hello, result });
}

function accept(run: Run, effect: Extract<ConnectionEffect, { type: 'decide-push' }>): void {
  const { push, device, principal, attempts, cost } = effect;
  const { fatesMax, flaws } = run.world.setup;
  const loaded = loadSnapshot(run.world.gateway.disk, scopeOfPush(push, device, fatesMax));
  const snapshot = flawedSnapshot(withoutFates(loaded, flaws), push, flaws);
  const { subject, grants } = principal;
  const context = {
    device,
    subject,
    grants,
    now: NOW,
    attempts,
    fatesMax,
    freshGeneration: freshGeneration(run.world),
  };
  const { changes, result } = decideAccept(snapshot, flawedPush(push, flaws), context);
  const inForce = run.world.gateway.disk.devices.get(device)?.session;
  if (changes.length > 0 && (inForce?.number !== push.session.number || inForce.nonce !== push.session.nonce))
    run.world = { ...run.world, mishap: 'a push of a session that is not in force changed the store' };
  commitPush(run, changes);
  if ('wentBack' in result && result.wentBack !== undefined) alarm(run);
  run.events.push({ type: 'push-decided', cost, result });
}

function commitPush(run: Run, changes: readonly Change[]): void {
  if (run.crash === 'before the commit') return;
  if (run.crash === 'none') return commit(run, changes);
  // The messages are written, the mark is not.
  commit(
    run,
    changes.filter((change) => change.type !== 'advance'),
  );
}

function commit(run: Run, changes: readonly Change[]): void {
  if (changes.length === 0) return;
  const disk = copyDeep(run.world.gateway.disk);
  for (const change of changes) applyChange(disk, fitted(disk, change, run.world.setup.flaws), []);
  run.world = { ...run.world, gateway: { ...run.world.gateway, disk } };
}

/** A mark that was moved over a gap is set all the same. */
function fitted(disk: MemoryDisk, change: Change, flaws: Flaws): Change {
  if (flaws.gapsAccepted !== true || change.type !== 'advance') return change;
  return { ...change, from: disk.streams.get(streamKeyText(change.stream))?.accepted ?? 0 };
}

function alarm(run: Run): void {
  const gateway: Gateway = { ...run.world.gateway, isAlarmed: true };
  run.world = { ...run.world, gateway };
}

/** None that a store of this world has ever had. */
function freshGeneration({ minted }: World): GenerationId {
  return generationOf(1000 + minted);
}

function nonceOf(minted: number): SessionNonce {
  return String(minted).padStart(16, '0') as SessionNonce;
}

export function generationOf(count: number): GenerationId {
  return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` as GenerationId;
}

function withoutFates(snapshot: Snapshot, flaws: Flaws): Snapshot {
  if (flaws.refusalInOneAnswer !== true) return snapshot;
  const streams = [...snapshot.streams].map(
    ([text, row]) => [text, { ...row, refusals: [], skips: [] }] as const,
  );
  return { ...snapshot, streams: new Map(streams) };
}

function flawedSnapshot(snapshot: Snapshot, push: ReadPush, flaws: Flaws): Snapshot {
  let flawed = snapshot;
  if (flaws.noSessionCheck === true && flawed.device !== undefined)
    flawed = { ...flawed, device: { ...flawed.device, session: push.session } };
  if (flaws.gapsAccepted !== true) return flawed;
  const streams = new Map(flawed.streams);
  for (const run of push.runs) {
    const row = streams.get(run.streamText);
    const accepted = Math.max(row?.accepted ?? 0, run.first - 1);
    const acceptedId = row?.acceptedId ?? push.runs[0]?.stream.epoch;
    if (accepted > 0 && acceptedId !== undefined)
      streams.set(run.streamText, {
        refusals: row?.refusals ?? [],
        skips: row?.skips ?? [],
        accepted,
        acceptedId: acceptedId as NonNullable<typeof row>['acceptedId'],
      });
  }
  return { ...flawed, streams };
}

function flawedPush(push: ReadPush, flaws: Flaws): ReadPush {
  if (flaws.noAfter !== true) return push;
  return { ...push, runs: push.runs.map(withoutPredecessor) };
}

function withoutPredecessor(run: ReadPush['runs'][number]): ReadPush['runs'][number] {
  const { after, ...rest } = run;
  return after === undefined ? run : rest;
}

/** With the id that stands for a message which its device cannot read, a device compares nothing. */
function flawedReply(frame: DownFrame, flaws: Flaws): DownFrame {
  if (flaws.answersWithoutId !== true || (frame.type !== 'ack' && frame.type !== 'welcome')) return frame;
  const streams = frame.streams.map((state) =>
    state.acceptedId === undefined ? state : { ...state, acceptedId: NO_ID },
  );
  return { ...frame, streams };
}

const NO_ID = '00000000-0000-0000-0000-000000000000' as MessageId;

/** An empty store with the queue. */
export function withQueue(disk: MemoryDisk, row: Extract<Change, { type: 'put-queue' }>['row']): MemoryDisk {
  applyChange(disk, { type: 'put-queue', row }, []);
  return disk;
}
