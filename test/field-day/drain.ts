import type { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';
import type { DayLog } from './day-log.ts';
import type { Tablet } from './tablet/tablet.ts';

/** With the faults off, the day must come to its end within this time, and a little more for each order. */
const drainMs = 60_000;
const drainMsPerOrder = 20;

/** Faults off: everything must flow. What does not within the bound is a finding. */
export async function drain(
  tablets: readonly Tablet[],
  queue: QueueAtGateway,
  { orders, log }: { readonly orders: number; readonly log: DayLog },
): Promise<void> {
  for (const tablet of tablets) tablet.proxy.setMode({ kind: 'pass' });
  for (const tablet of tablets) if (!tablet.isDone) log.note(`still to come: ${tablet.describe()}`);
  const withinMs = drainMs + drainMsPerOrder * orders;
  try {
    await until(() => tablets.every(({ isDone }) => isDone), {
      withinMs,
      what: 'no tablet has anything pending',
    });
    log.note('no tablet has anything pending');
    await until(() => queue.isEmpty(), { withinMs, what: 'the queue is empty' });
  } catch (error) {
    const counts = await queue.counts().catch(String);
    log.find(`not drained: ${String(error)}; queue ${JSON.stringify(counts)}`);
    for (const tablet of tablets.filter(({ isDone }) => !isDone)) log.find(tablet.describe());
  }
  for (const tablet of tablets.filter(({ deadLetters }) => deadLetters > 0)) {
    log.find(`messages were set aside: ${tablet.describe()}`);
  }
}
