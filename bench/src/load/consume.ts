import { createConsumer } from '@fieldpost/sdk/consumer';
import { queue } from './fieldpost-device.ts';
import type { LoadTarget } from './load-device.ts';

export interface ConsumeRequest {
  readonly target: LoadTarget;
  readonly messages: number;
  /** Messages worked on at once, and as many leased in advance. */
  readonly concurrency: number;
}

/** Receives and acknowledges with the consumer library. The clock runs from the start to the last acknowledgement. */
export async function consume({ target, messages, concurrency }: ConsumeRequest): Promise<number> {
  const problems: string[] = [];
  const consumer = createConsumer({
    gateway: target.url,
    token: target.token,
    queue,
    concurrency,
    onProblem: (problem) => problems.push(JSON.stringify(problem)),
  });
  let acknowledged = 0;
  const startedAt = performance.now();
  let durationMs = 0;
  const running = consumer.run(async (message) => {
    await message.ack();
    acknowledged += 1;
    if (acknowledged === messages) {
      durationMs = performance.now() - startedAt;
      closing = consumer.close();
    }
  });
  let closing: Promise<void> = Promise.resolve();
  await running;
  await closing;
  if (problems.length > 0) throw new Error(`the consumer met problems: ${problems.join('; ')}`);
  return durationMs;
}
