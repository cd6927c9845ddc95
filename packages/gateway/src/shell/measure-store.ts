import { CODES } from '@fieldpost/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Change, GatewayStore, SettleRequest, SettleResult } from '../ports/gateway-store.ts';
import type { Metrics } from '../ports/metrics.ts';

export interface MeasureStorePorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** A store that counts what was written, once it is durable, and how long that took. */
export function measureStore(store: GatewayStore, { clock, metrics }: MeasureStorePorts): GatewayStore {
  const timed = async <Result>(call: string, work: () => Promise<Result>): Promise<Result> => {
    const begunAt = clock.now();
    const result = await work();
    metrics.observe('fieldpost_commit_seconds', { call }, Math.max(0, clock.now() - begunAt) / 1000);
    return result;
  };
  return {
    ...store,
    get generation() {
      return store.generation;
    },
    async transact(scope, decide) {
      let changes: readonly Change[] = [];
      const result = await timed('transact', () =>
        store.transact(scope, (snapshot) => {
          const decision = decide(snapshot);
          ({ changes } = decision);
          return decision;
        }),
      );
      for (const change of changes) countChange(metrics, change);
      return result;
    },
    async receive(request) {
      const messages = await timed('receive', () => store.receive(request));
      const { queue } = request;
      if (messages.length > 0) metrics.count('fieldpost_messages_leased_total', { queue }, messages.length);
      return messages;
    },
    async settle(request) {
      const results = await timed('settle', () => store.settle(request));
      countSettled(metrics, request, results);
      return results;
    },
    async sweep(now) {
      const result = await store.sweep(now);
      for (const [queue, messages] of result.ended)
        metrics.count('fieldpost_messages_ended_total', { queue, cause: 'run-out' }, messages);
      for (const [queue, messages] of result.unjournaled)
        metrics.count('fieldpost_journal_copies_missed_total', { queue }, messages);
      return result;
    },
  };
}

function countChange(metrics: Metrics, change: Change): void {
  if (change.type === 'append') {
    const { queue, messages } = change;
    const from = messages[0]?.origin === undefined ? 'server' : 'device';
    metrics.count('fieldpost_messages_arrived_total', { queue, from }, messages.length);
  } else if (change.type === 'refuse') {
    metrics.count('fieldpost_messages_refused_total', { code: knownCode(change.fate.code) });
  } else if (change.type === 'skip') {
    metrics.count('fieldpost_messages_skipped_total', { code: knownCode(change.fate.code) });
  } else if (change.type === 'change-generation') {
    metrics.count('fieldpost_generation_changes_total');
  } else if (change.type === 'settle') {
    for (const request of change.requests) countSettled(metrics, request, []);
  }
}

/** A device gives up messages with codes of its own. */
function knownCode(code: string): string {
  return Object.hasOwn(CODES, code) ? code : 'other';
}

/** @param results in the order of the settlements; those of a transaction are all done, or it is none */
function countSettled(
  metrics: Metrics,
  { queue, settlements }: SettleRequest,
  results: readonly SettleResult[],
): void {
  for (const [index, { type }] of settlements.entries()) {
    const { code, ended } = results[index] ?? {};
    // Of a receipt that is settled the queue is there; of another one it may be any text.
    if (code === undefined) metrics.count('fieldpost_messages_settled_total', { queue, outcome: type });
    else metrics.count('fieldpost_leases_lost_total');
    if (ended !== undefined) metrics.count('fieldpost_messages_ended_total', { queue, cause: ended });
  }
}
