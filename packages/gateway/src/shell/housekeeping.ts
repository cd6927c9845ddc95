import type { Clock } from '../ports/clock.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import type { Logger } from '../ports/logger.ts';

export interface HousekeepingPorts {
  readonly store: Pick<GatewayStore, 'pruneSends' | 'pruneNotices' | 'retireEpochs'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface HousekeepingSettings {
  /** How long the ids of server-side producers are remembered, in milliseconds. */
  readonly producerIdRetentionMs: number;
  /** How long a closed epoch's marks and refusals are kept, in milliseconds; 180 days by default. */
  readonly epochRetentionMs?: number;
  /** How long fates are kept for devices that do not come to hear them, in milliseconds; 30 days by default. */
  readonly fateRetentionMs?: number;
}

/** Ids forgotten in one transaction: others' calls hardly wait for it. */
const BATCH = 1_000;
/** What waits longer by a minute than it has to costs nothing. */
const ROUND_MS = 60_000;
/** A tablet that lay in a drawer for half a year finds its epochs as it left them. */
const EPOCH_RETENTION_MS = 180 * 24 * 3_600_000;
const FATE_RETENTION_MS = 30 * 24 * 3_600_000;

/**
 * Forgets what has been kept long enough, in small batches, round after round. A round that fails is tried again with the
 * next one.
 *
 * @returns the way to stop
 */
export function startHousekeeping(ports: HousekeepingPorts, settings: HousekeepingSettings): () => void {
  const { store, clock, logger } = ports;
  let cancel: () => void = () => undefined;
  let isStopped = false;

  const forgetIds = async (): Promise<void> => {
    const before = clock.now() - settings.producerIdRetentionMs;
    let forgotten = 0;
    for (let batch = BATCH; batch === BATCH && !isStopped; forgotten += batch)
      batch = await store.pruneSends(before, BATCH);
    if (forgotten > 0) logger.debug({ forgotten }, "producers' ids were forgotten");
  };

  const forgetFates = async (): Promise<void> => {
    const before = clock.now() - (settings.fateRetentionMs ?? FATE_RETENTION_MS);
    let forgotten = 0;
    for (let batch = BATCH; batch === BATCH && !isStopped; forgotten += batch)
      batch = await store.pruneNotices(before, BATCH);
    if (forgotten > 0) logger.info({ forgotten }, 'fates were forgotten that no device came to hear');
  };

  const retire = async (): Promise<void> => {
    const closedBefore = clock.now() - (settings.epochRetentionMs ?? EPOCH_RETENTION_MS);
    let retired = 0;
    for (let isDone = false; !isDone && !isStopped;) {
      const result = await store.retireEpochs({ closedBefore, rowsMax: BATCH });
      retired += result.epochs;
      ({ isDone } = result);
    }
    if (retired > 0) logger.debug({ retired }, 'closed epochs were retired');
  };

  const planRound = (): void => {
    if (!isStopped) cancel = clock.schedule(ROUND_MS, round);
  };

  const round = (): void => {
    forgetIds()
      .then(forgetFates)
      .then(retire)
      .then(planRound, (error: unknown) => {
        if (!isStopped) logger.warn({ error }, 'housekeeping failed; it is tried again');
        planRound();
      });
  };

  planRound();
  return () => {
    isStopped = true;
    cancel();
  };
}
