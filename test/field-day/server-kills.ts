import { setTimeout as pause } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { bounded } from './bounded.ts';
import type { ConsumerProcess } from './consumer/consumer-process.ts';
import type { LedgerReader } from './consumer/ledger-reader.ts';
import type { DayLog } from './day-log.ts';
import type { FaultLog } from './faults.ts';
import type { ServerFault } from './plan.ts';

export interface KillSurroundings {
  readonly faults: FaultLog;
  readonly log: DayLog;
  /** No tablet will take an order any more, or the day was broken off. */
  readonly isDayOver: () => boolean;
}

/** A consumer that books nothing for so long gets nothing any more. */
const stuckAfterMs = 90_000;
const lookEveryMs = 5;

/** With this option a gateway's first start ends between the commit and the answer. */
export function failpointOf(planned: readonly ServerFault[]): { readonly failpoint?: string } {
  const fault = planned.find(({ kind }) => kind === 'gateway-kill-before-ack');
  return fault === undefined ? {} : { failpoint: `push-committed:${fault.at}` };
}

/** Waits for a gateway that was started with its failpoint to die of it, and starts it again. */
export async function killGatewayBeforeAck(
  gateway: GatewayProcess,
  planned: readonly ServerFault[],
  { faults, log }: KillSurroundings,
): Promise<void> {
  for (const { kind, downMs } of planned.filter((fault) => fault.kind === 'gateway-kill-before-ack')) {
    const end = await bounded(gateway.exited, stuckAfterMs, 'it dies').catch(String);
    if (end !== 'SIGKILL') {
      log.find(`the gateway was to die before it acknowledges: ${end}`);
      return;
    }
    log.note('the gateway is dead before it acknowledged');
    log.keep('gateway', gateway.log);
    await pause(downMs);
    await gateway.restart();
    faults.fired(kind);
    log.note('the gateway is back');
  }
}

/** Kills the gateway whenever so many orders are saved, and starts it again. */
export async function killGateway(
  gateway: GatewayProcess,
  planned: readonly ServerFault[],
  { saved, faults, log, isDayOver }: KillSurroundings & { readonly saved: () => number },
): Promise<void> {
  for (const { kind, at, downMs } of planned.filter((fault) => fault.kind === 'gateway-kill')) {
    while (saved() < at && !isDayOver()) await pause(lookEveryMs);
    if (saved() < at) return;
    log.note('the gateway is killed');
    await gateway.kill9();
    log.keep('gateway', gateway.log);
    await pause(downMs);
    await gateway.restart();
    faults.fired(kind);
    log.note('the gateway is back');
  }
}

/** Runs the consumer, lets it die whenever so many messages are booked, and leaves it running. */
export async function killConsumer(
  consumer: ConsumerProcess,
  planned: readonly ServerFault[],
  { ledger, faults, log }: KillSurroundings & { readonly ledger: LedgerReader },
): Promise<void> {
  for (const { kind, at, downMs } of planned.filter((fault) => fault.kind === 'consumer-kill')) {
    consumer.start(Math.max(1, at - ledger.booked()));
    if ((await diedOrStuck(consumer, ledger)) === 'stuck') {
      log.find(
        `the consumer has ${ledger.booked()} bookings and gets no more, before it was to die at ${at}`,
      );
      return;
    }
    faults.fired(kind);
    log.note('the consumer is dead');
    await pause(downMs);
  }
  consumer.start();
}

async function diedOrStuck(consumer: ConsumerProcess, ledger: LedgerReader): Promise<'died' | 'stuck'> {
  const died = consumer.died().then(() => 'died' as const);
  for (let before = -1; ;) {
    const now = ledger.booked();
    if (now === before) return 'stuck';
    before = now;
    const waiting = new AbortController();
    const waited = pause(stuckAfterMs, 'waited' as const, { signal: waiting.signal }).catch(
      () => 'waited' as const,
    );
    const first = await Promise.race([died, waited]);
    waiting.abort();
    if (first === 'died') return 'died';
  }
}
