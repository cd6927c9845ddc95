import {
  type EpochId,
  type Fenced,
  type GenerationId,
  type Hello,
  LIMITS,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  type Session,
  type SessionNonce,
  type StreamKey,
  streamKeyText,
  type StreamState,
  type Welcome,
} from '@fieldpost/protocol';
import type { Decision, DeviceRow, Scope, Snapshot } from '../ports/gateway-store.ts';
import { isSameSession, knowsLaterSession } from './session-check.ts';
import { ToldFates } from './told-fates.ts';

/** By which way a hello came: over HTTP it is a compare-and-set on the last session, over a socket it always raises. */
export type HelloWay = 'socket' | 'http';

export interface HelloContext {
  readonly subject: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Fresh random bits for the new session. */
  readonly nonce: SessionNonce;
  readonly generation: GenerationId;
  readonly way: HelloWay;
  /** How many refusals and skips of each stream the welcome tells, as in the scope; as many as any answer by default. */
  readonly fatesMax?: number;
}

export type HelloResult =
  | { readonly reply: Fenced }
  | {
      readonly reply: Welcome;
      /** What the device remembers and the store does not: the store went back in time. */
      readonly wentBack: { readonly session: boolean; readonly streams: readonly StreamKey[] };
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
  return { device: hello.device, epochs: [...epochs], streams: [...streams.values()], fatesMax };
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
  if (context.way === 'http' && stored !== undefined && !isRemembered(stored.session, hello)) {
    return fenced({ type: 'fenced', reason: 'newer-connection', session: stored.session });
  }
  const session: Session = { number: nextSessionNumber(stored, hello), nonce: context.nonce };
  const states = statesOf(snapshot, hello, context);
  return {
    changes: [{ type: 'put-device', row: deviceRow(stored, hello, session, context) }],
    result: {
      reply: {
        type: 'welcome',
        version,
        session,
        generation: context.generation,
        limits: WELCOME_LIMITS,
        streams: states.streams,
        serverTimeMs: context.now,
      },
      wentBack: {
        session: hello.lastSession !== undefined && knowsLaterSession(stored, hello.lastSession),
        streams: states.wentBack,
      },
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

function isRemembered(session: Session, hello: Hello): boolean {
  return hello.lastSession !== undefined && isSameSession(session, hello.lastSession);
}

/** Higher than both sides remember, so that a store restored from a backup gives no number out twice. */
function nextSessionNumber(stored: DeviceRow | undefined, hello: Hello): number {
  const remembered = hello.lastSession?.number ?? 0;
  const believed = remembered < SESSION_NUMBER_BELIEVED_MAX ? remembered : 0;
  return Math.max(stored?.session.number ?? 0, believed) + 1;
}

function deviceRow(
  stored: DeviceRow | undefined,
  hello: Hello,
  session: Session,
  context: HelloContext,
): DeviceRow {
  return {
    device: hello.device,
    subject: context.subject,
    session,
    revoked: false,
    client: hello.client ?? stored?.client ?? '',
    firstSeenAt: stored?.firstSeenAt ?? context.now,
    lastSeenAt: context.now,
    waitingMessages: hello.waiting.messages,
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
      const stall = { code: 'access-denied', retryAfterMs: FOREIGN_RETRY_MS };
      return { ...key, attempt: 0, accepted: 0, since, stall };
    }
    const row = snapshot.streams.get(streamKeyText(key));
    if (since > (row?.accepted ?? 0)) wentBack.push(key);
    if (row === undefined) return { ...key, attempt: 0, accepted: 0, since };
    return {
      ...key,
      attempt: 0,
      since,
      ...new ToldFates(row, fatesMax).state(row.accepted, row.acceptedId),
    };
  });
  return { streams, wentBack };
}
