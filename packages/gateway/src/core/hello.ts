import {
  type EpochId,
  type Fates,
  type Fenced,
  type GenerationId,
  type Hello,
  LIMITS,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  type Session,
  type SessionNonce,
  type StallCode,
  type StreamKey,
  streamKeyText,
  type StreamState,
  type Welcome,
} from '@fieldpost/protocol';
import type { Decision, DeviceRow, Scope, Snapshot } from '../ports/gateway-store.ts';
import { isCloned, isExplained } from './fork.ts';
import { noticeGoingBack } from './going-back.ts';
import { toldLost } from './lost-ranges.ts';
import { RETIRED } from './retired.ts';
import { isSameSession, knowsLaterSession } from './session-check.ts';
import { scopeOfFates, tellFates } from './tell-fates.ts';
import { ToldFates } from './told-fates.ts';

/** By which way a hello came: over HTTP it is a compare-and-set on the last session, over a socket it always raises. */
export type HelloWay = 'socket' | 'http';

export interface HelloContext {
  readonly subject: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Fresh random bits for the new session. */
  readonly nonce: SessionNonce;
  /** A generation that nobody has used, in case that one is needed. */
  readonly freshGeneration: GenerationId;
  readonly way: HelloWay;
  /** How many refusals and skips of each stream the welcome tells, as in the scope; by default what one answer may tell. */
  readonly fatesMax?: number;
}

export type HelloResult =
  | { readonly reply: Fenced; readonly isFork?: true; readonly fates?: undefined }
  | {
      readonly reply: Welcome;
      /** What the device remembers and the store does not: the store went back in time. */
      readonly wentBack: { readonly session: boolean; readonly streams: readonly StreamKey[] };
      /** The store has another generation from now on. */
      readonly isGenerationNew: boolean;
      /** What the device claims to remember is a lie, or a copy's: the store cannot have gone back since it told it. */
      readonly isUnexplained?: true;
      /** A copy of the device's data is in use, or its data was restored from one. */
      readonly isFork?: true;
      /** What the device is told of its messages, behind the welcome. */
      readonly fates?: Fates;
    };

/** What has to be loaded to decide on a hello. */
export function scopeOfHello(hello: Hello, fatesMax: number = LIMITS.fatesTold): Scope {
  const streams = new Map<string, { key: StreamKey; since: number }>();
  const epochs = new Set<EpochId>();
  for (const { epoch, queue, priority, acknowledged } of hello.streams) {
    const key: StreamKey = { epoch, queue, priority };
    const text = streamKeyText(key);
    streams.set(text, { key, since: Math.min(streams.get(text)?.since ?? acknowledged, acknowledged) });
    epochs.add(epoch);
  }
  return {
    ...(hello.fates === undefined ? {} : scopeOfFates(hello.device, hello.fates.heard)),
    device: hello.device,
    epochs: [...epochs],
    streams: [...streams.values()],
    fatesMax,
  };
}

/** Decides on a hello: binds the device to its subject at the first one, and raises its session. */
export function decideHello(snapshot: Snapshot, hello: Hello, context: HelloContext): Decision<HelloResult> {
  const version = Math.min(hello.versions[1], PROTOCOL_VERSION);
  if (version < Math.max(hello.versions[0], PROTOCOL_VERSION_MIN))
    return fenced({ type: 'fenced', reason: 'upgrade-required' });
  const stored = snapshot.device;
  if (stored !== undefined && (stored.revoked || stored.subject !== context.subject)) {
    return fenced({ type: 'fenced', reason: 'revoked' });
  }
  const { lastSession } = hello;
  const isSessionForgotten = lastSession !== undefined && knowsLaterSession(stored, lastSession);
  const isFork = stored !== undefined && !isSessionForgotten && !isExplained(stored, lastSession);
  if (isFork && isCloned(stored, context.now)) {
    const changes = [{ type: 'put-device', row: forked(stored, context.now) } as const];
    return { changes, result: { reply: { type: 'fenced', reason: 'cloned' }, isFork: true } };
  }
  if (context.way === 'http' && stored !== undefined && !takesOver(stored.session, hello)) {
    // A fork is noted when it comes again and takes over.
    return fenced({ type: 'fenced', reason: 'newer-connection', session: stored.session });
  }
  const row = isFork ? forked(stored, context.now) : stored;
  return welcome(snapshot, hello, context, { version, row, isSessionForgotten, isFork });
}

function welcome(
  snapshot: Snapshot,
  hello: Hello,
  context: HelloContext,
  found: {
    readonly version: number;
    readonly row: DeviceRow | undefined;
    readonly isSessionForgotten: boolean;
    readonly isFork: boolean;
  },
): Decision<HelloResult> {
  const session: Session = { number: nextSessionNumber(found.row, hello), nonce: context.nonce };
  const states = statesOf(snapshot, hello, context);
  const isBehind = found.isSessionForgotten || states.wentBack.length > 0;
  const { generations } = snapshot;
  const goingBack = noticeGoingBack(generations, hello.generation, isBehind, context.freshGeneration);
  const told = tellFates(snapshot.notices, hello.device, hello.fates?.heard, context.now);
  return {
    changes: [
      ...goingBack.changes,
      ...told.changes,
      {
        type: 'put-device',
        row: deviceRow(found.row, hello, session, { ...context, opening: generations.opening }),
      },
    ],
    result: {
      reply: {
        type: 'welcome',
        version: found.version,
        session,
        generation: goingBack.generation,
        limits: WELCOME_LIMITS,
        streams: states.streams,
        serverTimeMs: context.now,
      },
      wentBack: { session: found.isSessionForgotten, streams: states.wentBack },
      isGenerationNew: goingBack.isNew,
      ...(goingBack.isUnexplained ? { isUnexplained: true } : {}),
      ...(found.isFork ? { isFork: true } : {}),
      ...(told.result === undefined ? {} : { fates: told.result }),
    },
  };
}

/** What this gateway takes of every device. */
const WELCOME_LIMITS: Welcome['limits'] = {
  frameBytes: LIMITS.frameBytes,
  bodyBytes: LIMITS.bodyBytesMax,
  runMessages: LIMITS.runMessages,
  windowMessages: LIMITS.windowMessages,
  windowBytes: LIMITS.windowBytes,
};

/** Beyond this a number in a hello is a lie or damage: believed, it would leave no room to count on. */
const SESSION_NUMBER_BELIEVED_MAX = LIMITS.numberMax / 2;
/** How long a device waits before it asks again for an epoch that belongs to another subject. */
const FOREIGN_RETRY_MS = 60_000;

function fenced(reply: Fenced): Decision<HelloResult> {
  return { changes: [], result: { reply } };
}

function forked(row: DeviceRow, now: number): DeviceRow {
  return { ...row, forks: row.forks + 1, forkedAt: now };
}

/** Whether a hello over HTTP names the session in force: its own last one, or the one that a fence has told of. */
function takesOver(session: Session, hello: Hello): boolean {
  return [hello.lastSession, hello.takesOver].some(
    (named) => named !== undefined && isSameSession(session, named),
  );
}

/** Higher than both sides remember, so that a store restored from a backup gives no number out twice. */
function nextSessionNumber(stored: DeviceRow | undefined, hello: Hello): number {
  const remembered = Math.max(hello.lastSession?.number ?? 0, hello.takesOver?.number ?? 0);
  const believed = remembered < SESSION_NUMBER_BELIEVED_MAX ? remembered : 0;
  return Math.max(stored?.session.number ?? 0, believed) + 1;
}

function deviceRow(
  stored: DeviceRow | undefined,
  hello: Hello,
  session: Session,
  context: HelloContext & { readonly opening: string },
): DeviceRow {
  return {
    device: hello.device,
    subject: context.subject,
    session,
    opening: context.opening,
    revoked: false,
    client: hello.client ?? stored?.client ?? '',
    firstSeenAt: stored?.firstSeenAt ?? context.now,
    lastSeenAt: context.now,
    waitingMessages: hello.waiting.messages,
    ...(hello.lastSession === undefined ? {} : { parentSession: hello.lastSession }),
    forks: stored?.forks ?? 0,
    ...(stored?.forkedAt === undefined ? {} : { forkedAt: stored.forkedAt }),
  };
}

function statesOf(
  snapshot: Snapshot,
  hello: Hello,
  { subject, fatesMax = LIMITS.fatesTold }: HelloContext,
): { streams: StreamState[]; wentBack: StreamKey[] } {
  const wentBack: StreamKey[] = [];
  const streams = (scopeOfHello(hello, fatesMax).streams ?? []).map(({ key, since }): StreamState => {
    const epoch = snapshot.epochs.get(key.epoch);
    if (epoch !== undefined && epoch.subject !== subject) {
      const stall = { code: 'access-denied' satisfies StallCode, retryAfterMs: FOREIGN_RETRY_MS };
      return { ...key, attempt: 0, accepted: 0, since, stall };
    }
    if (snapshot.retired.has(key.epoch)) return { ...key, attempt: 0, accepted: 0, since, stall: RETIRED };
    const row = snapshot.streams.get(streamKeyText(key));
    if (since > (row?.accepted ?? 0)) wentBack.push(key);
    if (row === undefined) return { ...key, attempt: 0, accepted: 0, since };
    return {
      ...key,
      attempt: 0,
      since,
      ...new ToldFates(row, fatesMax).state(row.accepted, row.acceptedId),
      ...toldLost(row.lost),
    };
  });
  return { streams, wentBack };
}
