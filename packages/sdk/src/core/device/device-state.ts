import type { DeviceId, DownFrame, EpochId, Instant, UpFrame } from '@fieldpost/protocol';
import type {
  DeadLetter,
  DrainLease,
  LogState,
  Reopening,
  ReopenResult,
  SegmentKey,
  SettledFate,
  Settlement,
  Skip,
  StoredSegment,
  StreamMark,
} from '../../ports/outbox-store.ts';
import type { CloseReason } from '../../ports/transport.ts';
import { type LeadershipState, LEADERSHIP_OFF } from '../leadership/leadership.ts';
import { createOutbox, type OutboxState } from '../outbox/outbox-state.ts';
import { createSession, type SessionProblem, type SessionState, type Via } from '../session/session-state.ts';
import type { GivenToken } from '../session/token-renewal.ts';
import { createNaming, type Naming } from './naming.ts';

/**
 * One tab of a device: leadership decides whether it drains, the session holds the connection, the outbox knows what to
 * send. This machine joins the three and knows nothing more than who has to hear what.
 *
 * Invariants:
 * - There is a session only while this tab leads; it ends at the first step at which the tab no longer does.
 * - Runs are pushed only between a welcome and the end of its connection.
 */
export interface DeviceState {
  device: DeviceId;
  /** Names this tab in the lease. */
  readonly holder: string;
  /** What the device calls itself. */
  readonly client: string;
  /** The epoch in which this tab numbers; minted again when it cannot go on. */
  epoch: EpochId;
  leadership: LeadershipState;
  session: SessionState;
  outbox: OutboxState;
  isLeading: boolean;
  reading: 'no' | 'running' | 'again';
  /** Whether the tab that leads has told that it is welcomed. */
  onlineElsewhere: boolean;
  /** What the gateway has forgotten, while it is being taken back in the store; `begun` when the store was told. */
  reopening: { readonly request: Reopening; begun: boolean } | undefined;
  readonly naming: Naming;
  /** Lost ranges that this tab has looked for in the log, by stream and range. */
  readonly soughtLost: Set<string>;
  /** The device is getting another id. */
  isRenewing: boolean;
  /** Epochs whose end the gateway was told in this start, and that were not pushed to since: that opens them again. */
  readonly closedEpochs: Set<EpochId>;
  /** When the store is read although no signal came. */
  pollAt: Instant | undefined;
  isClosed: boolean;
}

export type DeviceEvent =
  | { readonly type: 'started' }
  | { readonly type: 'logRead'; readonly log: LogState; readonly keys: readonly SegmentKey[] }
  | { readonly type: 'logReadFailed' }
  | { readonly type: 'listed'; readonly after: number; readonly keys: readonly SegmentKey[] }
  | { readonly type: 'listFailed' }
  | {
      readonly type: 'loaded';
      readonly load: number;
      readonly after: number;
      readonly segments: readonly StoredSegment[];
    }
  | { readonly type: 'loadFailed'; readonly load: number }
  | { readonly type: 'saved'; readonly keys: readonly SegmentKey[]; readonly contents: readonly Uint8Array[] }
  /** The disk has gone back: what this tab knew of the log is not there any more. */
  | { readonly type: 'rolledBack' }
  | { readonly type: 'epochMinted'; readonly epoch: EpochId }
  | { readonly type: 'settled'; readonly held: boolean }
  | { readonly type: 'settleFailed' }
  | { readonly type: 'offered'; readonly held: boolean; readonly skips: readonly Skip[] }
  | { readonly type: 'offerFailed' }
  /** The app took messages back in this tab. */
  | { readonly type: 'takenBack'; readonly skips: readonly Skip[] }
  /** Undefined when the store failed. */
  | { readonly type: 'reopened'; readonly result: ReopenResult | undefined }
  | { readonly type: 'deviceRenewed'; readonly device: DeviceId | undefined }
  | { readonly type: 'lockHeld' }
  | { readonly type: 'lockLost' }
  | { readonly type: 'leaseAnswered'; readonly lease: DrainLease | undefined }
  | { readonly type: 'tokenGiven'; readonly connection: number; readonly token: GivenToken }
  | { readonly type: 'tokenFailed'; readonly connection: number; readonly problem: SessionProblem }
  | { readonly type: 'opened'; readonly connection: number }
  | { readonly type: 'frameReceived'; readonly connection: number; readonly frame: DownFrame }
  | { readonly type: 'malformedReceived'; readonly connection: number }
  | { readonly type: 'closed'; readonly connection: number; readonly reason: CloseReason }
  | { readonly type: 'signalled'; readonly signal: Signal }
  | { readonly type: 'hinted' }
  | { readonly type: 'deadlineReached' }
  | { readonly type: 'closing' };

export type DeviceEffect =
  | { readonly type: 'readLog' }
  | { readonly type: 'list'; readonly after: number }
  | { readonly type: 'load'; readonly load: number; readonly after: number; readonly bytesMax: number }
  | { readonly type: 'settle'; readonly settlement: Settlement }
  | { readonly type: 'offer'; readonly upTo: number; readonly isRaised: boolean }
  | { readonly type: 'reopen'; readonly reopening: Reopening }
  | { readonly type: 'renewDevice'; readonly from: DeviceId }
  | { readonly type: 'acquireLock' }
  | { readonly type: 'releaseLock' }
  | { readonly type: 'askLease'; readonly until: number; readonly now: number }
  | { readonly type: 'giveUpLease' }
  | { readonly type: 'askToken'; readonly connection: number }
  | { readonly type: 'connect'; readonly connection: number; readonly via: Via; readonly token: string }
  | { readonly type: 'send'; readonly connection: number; readonly frames: readonly UpFrame[] }
  | { readonly type: 'setToken'; readonly connection: number; readonly token: string }
  | { readonly type: 'disconnect'; readonly connection: number }
  | {
      readonly type: 'announce';
      readonly marks: readonly StreamMark[];
      readonly deadLetters: readonly DeadLetter[] | undefined;
      readonly fates: readonly SettledFate[];
    }
  | { readonly type: 'post'; readonly signal: Signal }
  /** Number nothing more in this epoch. */
  | { readonly type: 'endEpoch'; readonly epoch: EpochId };

/** What tabs tell each other. It only says that the store has news: what they are, the store says. */
export type Signal =
  | { readonly type: 'saved' }
  | { readonly type: 'settled' }
  /** Messages were taken back. */
  | { readonly type: 'taken-back' }
  | { readonly type: 'online'; readonly online: boolean }
  | { readonly type: 'end-epoch'; readonly epoch: EpochId };

export function createDevice(options: {
  readonly device: DeviceId;
  readonly holder: string;
  readonly client: string;
  readonly epoch: EpochId;
  readonly socketAllowed: boolean;
}): DeviceState {
  return {
    device: options.device,
    holder: options.holder,
    client: options.client,
    epoch: options.epoch,
    leadership: LEADERSHIP_OFF,
    session: createSession(options.socketAllowed),
    outbox: createOutbox(),
    isLeading: false,
    reading: 'no',
    onlineElsewhere: false,
    reopening: undefined,
    naming: createNaming(),
    soughtLost: new Set(),
    isRenewing: false,
    closedEpochs: new Set(),
    pollAt: undefined,
    isClosed: false,
  };
}
