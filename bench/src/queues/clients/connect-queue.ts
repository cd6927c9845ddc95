import type { QueueKind, QueueTarget } from '../queue-contestant.ts';
import type { QueueClient } from './queue-client.ts';

/** Each client is loaded when it is needed: peers may not be installed. */
const connects: Readonly<Record<QueueKind, (target: QueueTarget) => Promise<QueueClient>>> = {
  fieldpost: async (target) => (await import('./fieldpost.ts')).connectFieldpost(target),
  bullmq: async (target) => (await import('./bullmq.ts')).connectBullMq(target),
  'pg-boss': async (target) => (await import('./pg-boss.ts')).connectPgBoss(target),
  rabbitmq: async (target) => (await import('./rabbitmq.ts')).connectRabbitMq(target),
};

export async function connectQueue(target: QueueTarget): Promise<QueueClient> {
  return connects[target.kind](target);
}
