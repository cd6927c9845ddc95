import type { QueueContestant } from './queue-contestant.ts';
import { gatewayQueue } from './servers/gateway.ts';
import { pgBoss } from './servers/postgres.ts';
import { rabbitMq } from './servers/rabbitmq.ts';
import { bullmq } from './servers/redis.ts';

/** In the order of the report. */
export const queueContestants: readonly QueueContestant[] = [
  gatewayQueue,
  bullmq('always'),
  bullmq('everysec'),
  pgBoss,
  rabbitMq,
];
