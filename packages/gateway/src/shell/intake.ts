import {
  type CloseEpochs,
  type DeviceId,
  type Fates,
  type GenerationId,
  type Hello,
  hexFromBytes,
  LIMITS,
  type SessionNonce,
  type StreamKey,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { type AcceptResult, decideAccept } from '../core/accept.ts';
import { type CloseEpochsResult, decideCloseEpochs } from '../core/close-epochs.ts';
import { decideHello, type HelloResult, type HelloWay, scopeOfHello } from '../core/hello.ts';
import { type ReadPush, scopeOfCloseEpochs, scopeOfPush, streamsOf } from '../core/read-push.ts';
import { decideTell, scopeOfFates, type TellRequest, type TellResult } from '../core/tell-fates.ts';
import { fatesOfEach } from '../core/told-fates.ts';
import type { Principal } from '../ports/authenticator.ts';
import type { BodySchemas } from '../ports/body-schemas.ts';
import type { Clock } from '../ports/clock.ts';
import type { Conditions } from '../ports/conditions.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Arrivals } from './arrivals.ts';
import type { InputRoom } from './input-room.ts';
import type { LiveSessions } from './live-sessions.ts';
import { logRuleProblems } from './log-rule-problems.ts';

/**
 * Takes frames of devices into the store, for both transports: core decides inside the store's transaction, and what
 * resolves here is durable. Calls share commits; the order of the calls is the order of the decisions.
 */
export interface Intake {
  hello(hello: Hello, principal: Principal, way: HelloWay): Promise<HelloResult>;
  push(push: ReadPush, sender: Sender, circumstances: PushCircumstances): Promise<AcceptResult>;
  closeEpochs(frame: CloseEpochs, sender: Sender): Promise<CloseEpochsResult>;
  /** Takes what a device has heard of the fates of its messages, and answers what comes next. */
  tellFates(request: TellRequest, principal: Principal): Promise<TellResult>;
  /** Whether so much of all devices is under way that another push has to come again later. */
  isOverloaded(): boolean;
}

/** What is known of a push beside what it says. */
interface PushCircumstances {
  /** The highest attempt seen of each stream in this session, by `streamKeyText`. */
  readonly attempts: ReadonlyMap<string, number>;
  /** How many answers go out together: they share what one answer may tell. 1 by default. */
  readonly answers?: number;
}

/** A device, and whom its token speaks for. */
interface Sender {
  readonly device: DeviceId;
  readonly principal: Principal;
}

export interface IntakePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly failpoints: Failpoints;
  readonly arrivals: Arrivals;
  readonly liveSessions: LiveSessions;
  readonly conditions: Conditions;
  readonly schemas: BodySchemas;
  readonly inputRoom: InputRoom;
  readonly metrics: Pick<Metrics, 'count'>;
}

export interface IntakeSettings {
  /** Refusals and skips that one answer tells; for tests, the protocol's limit by default. */
  readonly fatesTold?: number;
  /** Given when a message to an unknown queue creates it (development mode). */
  readonly createQueue?: { readonly maxBodyBytes: number };
}

const NONCE_BYTES = 8;

export function createIntake(ports: IntakePorts, settings: IntakeSettings): Intake {
  const { store, clock, entropy, logger, failpoints, arrivals, liveSessions, conditions, schemas } = ports;
  const { fatesTold = LIMITS.fatesTold, ...creation } = settings;
  return {
    isOverloaded: () => ports.inputRoom.isFull(),

    async hello(hello, principal, way) {
      const nonce = hexFromBytes(entropy.bytes(NONCE_BYTES)) as SessionNonce;
      const { subject } = principal;
      const fatesMax = fatesOfEach(hello.streams.length, fatesTold);
      const freshGeneration = mintGeneration(entropy);
      const context = { subject, now: clock.now(), nonce, freshGeneration, way, fatesMax };
      const result = await store.transact(scopeOfHello(hello, fatesMax), (snapshot) =>
        decideHello(snapshot, hello, context),
      );
      logHello(logger, hello, subject, result);
      countHello(ports.metrics, result);
      if (result.reply.type === 'welcome') liveSessions.supersede(hello.device, result.reply.session);
      return result;
    },

    async push(push, { device, principal }, { attempts, answers = 1 }) {
      const { subject, grants } = principal;
      const fatesMax = fatesOfEach(streamsOf(push) * answers, fatesTold);
      const freshGeneration = mintGeneration(entropy);
      const sender = { device, subject, grants, freshGeneration };
      const context = { ...sender, now: clock.now(), attempts, fatesMax, conditions, schemas, ...creation };
      // Whether there is room was asked before it was read; what got so far is taken.
      const share = ports.inputRoom.share();
      share.take(push.bytes);
      const deciding = store.transact(scopeOfPush(push, device, fatesMax), (snapshot) => {
        failpoints.reach('push-begun');
        const decision = decideAccept(snapshot, push, context);
        failpoints.reach('push-decided');
        return decision;
      });
      const result = await deciding.finally(() => share.release());
      failpoints.reach('push-committed');
      if ('counts' in result) {
        for (const queue of result.arrivals) arrivals.notify(queue);
        logger.debug({ device, ...result.counts }, 'push accepted');
        logRuleProblems(logger, result.ruleProblems);
        logLost(logger, device, result);
        for (const { first, last } of result.lost)
          ports.metrics.count('fieldpost_messages_lost_total', {}, last - first + 1);
      } else if (result.wentBack !== undefined) logWentBack(logger, device, result.wentBack);
      return result;
    },

    async tellFates(request, { subject }) {
      const context = { subject, now: clock.now() };
      const told = await store.transact(scopeOfFates(request.device, request.heard), (snapshot) =>
        decideTell(snapshot, request, context),
      );
      if (told?.type === 'fates') logTold(logger, request.device, told);
      return told;
    },

    closeEpochs(frame, { device, principal }) {
      const context = { device, subject: principal.subject, now: clock.now() };
      return store.transact(scopeOfCloseEpochs(frame, device), (snapshot) =>
        decideCloseEpochs(snapshot, frame, context),
      );
    },
  };
}

function logTold(logger: Logger, device: DeviceId, { fates, restart }: Fates): void {
  logger.debug({ device, fates: fates.length }, 'fates told');
  if (restart === true) logger.warn({ device }, FATES_RESTARTED);
}

const FATES_RESTARTED =
  'a device has heard of other fates than the store knows: it, or the store, went back in time; it is told anew';

function logHello(logger: Logger, hello: Hello, subject: string, result: HelloResult): void {
  const { device, client, waiting } = hello;
  if (result.isFork === true) logger.warn({ device, subject }, FORKED);
  if (result.reply.type === 'fenced') {
    logger.info({ device, subject, reason: result.reply.reason }, 'hello refused');
    return;
  }
  logger.info({ device, subject, client, session: result.reply.session.number, waiting }, 'hello welcomed');
  if (result.fates !== undefined) logTold(logger, device, result.fates);
  const { wentBack, isGenerationNew, isUnexplained } = result as Extract<HelloResult, { wentBack: unknown }>;
  if (isUnexplained === true)
    logger.warn({ device, subject, streams: wentBack.streams.slice(0, STREAMS_LOGGED) }, UNEXPLAINED);
  else if (wentBack.session || wentBack.streams.length > 0) logWentBack(logger, device, wentBack.streams);
  if (isGenerationNew) logger.error({ device, generation: result.reply.generation }, WENT_BACK_NOTICED);
}

function countHello(metrics: IntakePorts['metrics'], result: HelloResult): void {
  const { reply, isFork } = result;
  metrics.count('fieldpost_hellos_total', { answer: reply.type === 'welcome' ? 'welcome' : reply.reason });
  if (isFork === true) metrics.count('fieldpost_possible_clones_total');
  if ('isUnexplained' in result) metrics.count('fieldpost_unexplained_claims_total');
}

function logLost(
  logger: Logger,
  device: DeviceId,
  { lost, counts }: Extract<AcceptResult, { counts: unknown }>,
): void {
  for (const { stream, first, last } of lost.slice(0, STREAMS_LOGGED))
    logger.error(
      { device, ...stream, first, last },
      'messages are lost: the store forgot them, and no device has them',
    );
  if (counts.filled > 0) logger.warn({ device, filled: counts.filled }, 'lost messages turned up again');
}

const FORKED = 'possible clone: a copy of this device’s data is in use, or its data was restored from one';
const WENT_BACK_NOTICED =
  'the store went back in time and has a new generation: devices send again what it forgot';
const UNEXPLAINED =
  'a device claims more than the store holds, which has not gone back since it told it: it lies, or is a copy';
const GENERATION_BYTES = 16;

/** A UUID of version 4. */
function mintGeneration(entropy: Entropy): GenerationId {
  const bytes = Uint8Array.from(entropy.bytes(GENERATION_BYTES));
  bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return uuidFromBytes(bytes) as GenerationId;
}

function logWentBack(logger: Logger, device: DeviceId, streams: readonly StreamKey[]): void {
  const fields = { device, streams: streams.slice(0, STREAMS_LOGGED) };
  logger.error(fields, 'the store holds less than this device was told: it was restored from an older copy');
}

const STREAMS_LOGGED = 16;
