import { isQueueName, messageIdFrom } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import type { ProducedAnswer } from '../../core/produce.ts';
import { deadLetterQueueOf, isQueueAddress, parentOf } from '../../core/queue-address.ts';
import {
  decideTransaction,
  type QueueTransaction,
  scopeOfTransaction,
  type TransactionMessage,
  type TransactionResult,
  type TransactionSettlement,
} from '../../core/transaction.ts';
import type { Principal } from '../../ports/authenticator.ts';
import type { Failpoints } from '../../ports/failpoints.ts';
import type { Settlement } from '../../ports/gateway-store.ts';
import { logRuleProblems } from '../../shell/log-rule-problems.ts';
import { type Api, requirePermission } from '../api.ts';
import { itemSources, memberSource } from '../json-source.ts';
import { queueNotFound, RequestError } from '../problem.ts';
import {
  contentHashOf,
  ID_RANDOM_BYTES,
  PRODUCE_PROBLEMS,
  produceProblem,
  producedMessageOf,
  type ProducePorts,
  SEND_BYTES_MAX,
  SEND_MESSAGES_MAX,
  sentMessage,
  sentMessageJson,
} from '../produced-message.ts';
import { nackDelayMs, producedMessage, receipt, rejectReason } from '../schemas.ts';
import type { SendRoutePorts, SendRouteSettings } from './send.ts';

export interface TransactionRoutePorts extends SendRoutePorts {
  readonly failpoints: Failpoints;
}

/** Settlements of one transaction. */
const SETTLE_MAX = 1024;

const queueAddress = z
  .string()
  .refine(
    isQueueAddress,
    'not a queue or subqueue: [a-z0-9][a-z0-9._-]{0,127}, or that with ;subqueue behind it',
  )
  .openapi({ example: 'orders' });

const lease = { queue: queueAddress, receipt };

const settlement = z
  .discriminatedUnion('outcome', [
    z.object({ ...lease, outcome: z.literal('ack') }),
    z.object({ ...lease, outcome: z.literal('nack'), delayMs: nackDelayMs.optional() }),
    z.object({ ...lease, outcome: z.literal('reject'), reason: rejectReason.optional() }),
    z.object({ ...lease, outcome: z.literal('release') }),
  ])
  .openapi('Settlement');

type SettlementJson = z.infer<typeof settlement>;

const message = producedMessage
  .extend({
    queue: z
      .string()
      .refine(isQueueName, 'not a queue name: [a-z0-9][a-z0-9._-]{0,127}')
      .openapi({ example: 'invoices' }),
  })
  .openapi('TransactionMessage');

const transactionBody = z
  .object({
    settle: z.array(settlement).max(SETTLE_MAX).optional().openapi({
      description: 'What became of leased messages, in any queues; each receipt once.',
    }),
    send: z.array(message).max(SEND_MESSAGES_MAX).optional().openapi({
      description: 'Messages for any queues, as in a send.',
    }),
  })
  .refine(
    ({ settle = [], send = [] }) => settle.length + send.length >= 1,
    'settles nothing and sends nothing',
  )
  .refine(
    ({ settle = [] }) => new Set(settle.map((item) => item.receipt)).size === settle.length,
    'names a receipt twice',
  );

type TransactionJson = z.infer<typeof transactionBody>;

/** Settling and sending in one transaction: exactly-once processing inside the gateway. */
export function addTransactionRoute(
  api: Api,
  ports: TransactionRoutePorts,
  settings: SendRouteSettings,
): void {
  const { store, clock, conditions, schemas, failpoints, logger } = ports;
  api.route(
    {
      method: 'post',
      path: '/v1/transactions',
      tag: 'Consuming',
      summary: 'Settle leased messages and send others, all or nothing',
      description:
        'Over any queues, in one transaction, durable when it answers. One lease that is over fails all of it with ' +
        '`lease-lost`, one message that is not taken with its code; then nothing was done. The same transaction again, ' +
        'after an answer that was lost, gives the first answer again.',
      body: transactionBody,
      bodyBytesMax: SEND_BYTES_MAX,
      answers: {
        200: {
          description: 'The messages sent, in the order of `send`.',
          schema: z.object({ messages: z.array(sentMessage) }),
        },
      },
      problems: [...PRODUCE_PROBLEMS, 'lease-lost'],
    },
    async ({ c, principal, body, bodyText }) => {
      checkPermissions(principal, body);
      const now = clock.now();
      const transaction = transactionOf(ports, body, bodyText, now);
      const context = { now, conditions, schemas, ...settings };
      failpoints.reach('transaction-begun');
      const result = await store.transact(scopeOfTransaction(transaction, now), (snapshot) => {
        const decision = decideTransaction(snapshot, transaction, context);
        failpoints.reach('transaction-decided');
        return decision;
      });
      if ('code' in result) throw refusal(result, transaction);
      failpoints.reach('transaction-committed');
      notifyAll(ports, transaction, result.arrivals);
      logRuleProblems(logger, result.ruleProblems);
      return c.json({ messages: result.answers.map((sent: ProducedAnswer) => sentMessageJson(sent)) });
    },
  );
}

function checkPermissions(principal: Principal, { settle = [], send = [] }: TransactionJson): void {
  for (const queue of new Set(settle.map((item) => parentOf(item.queue))))
    requirePermission(principal, 'receive', queue);
  for (const queue of new Set(send.map((item) => item.queue))) requirePermission(principal, 'send', queue);
}

function transactionOf(
  ports: ProducePorts,
  { settle = [], send = [] }: TransactionJson,
  bodyText: string,
  now: number,
): QueueTransaction {
  const sources = itemSources(memberSource(bodyText, 'send') ?? '[]');
  const messages = send.map((item, index) =>
    producedMessageOf(ports, {
      queue: item.queue,
      now,
      message: item,
      source: sources[index] ?? '',
      where: `send.${index}`,
    }),
  );
  const settlements = settle.map((item): TransactionSettlement => ({
    queue: item.queue,
    settlement: settlementOf(item),
  }));
  const text = new TextEncoder();
  const ids = messages.map((item) => (item.contentHash === undefined ? undefined : item.id));
  const contentHash = ports.digest.sha256([
    text.encode(JSON.stringify([settlements, ids])),
    ...messages.map((item) => item.contentHash ?? contentHashOf(ports.digest, item)),
  ]);
  if (settlements.length === 0) return { settle: settlements, send: messages, contentHash };
  const seeded = messages.map((item, index): TransactionMessage => {
    if (item.contentHash !== undefined) return item;
    const idSeed = ports.digest
      .sha256([contentHash, text.encode(String(index))])
      .subarray(0, ID_RANDOM_BYTES);
    return { ...item, id: messageIdFrom(now, idSeed), idSeed };
  });
  return { settle: settlements, send: seeded, contentHash };
}

function settlementOf(item: SettlementJson): Settlement {
  switch (item.outcome) {
    case 'ack':
    case 'release':
      return { type: item.outcome, receipt: item.receipt };
    case 'nack': {
      const delay = item.delayMs === undefined ? {} : { delayMs: item.delayMs };
      return { type: 'nack', receipt: item.receipt, ...delay };
    }
    case 'reject': {
      const reason = item.reason === undefined ? {} : { reason: item.reason };
      return { type: 'reject', receipt: item.receipt, ...reason };
    }
  }
}

function refusal(
  result: Extract<TransactionResult, { readonly code: string }>,
  { settle, send }: QueueTransaction,
): RequestError {
  if ('index' in result) return produceProblem(result, send[result.index], `send.${result.index}`);
  const queue = settle[result.settleIndex]?.queue ?? '';
  if (result.code === 'queue-not-found') return queueNotFound(parentOf(queue));
  return new RequestError(
    'lease-lost',
    `settle.${result.settleIndex}: the lease in queue ${queue} is over; nothing was done`,
  );
}

/** Those who wait: for what was sent, for the next of a group, for what was given back, for dead letters. */
function notifyAll(
  { arrivals }: TransactionRoutePorts,
  { settle }: QueueTransaction,
  sentTo: readonly string[],
): void {
  const queues = new Set(sentTo);
  for (const {
    queue,
    settlement: { type },
  } of settle) {
    queues.add(queue);
    if (type === 'nack' || type === 'reject') queues.add(deadLetterQueueOf(queue));
  }
  for (const queue of queues) arrivals.notify(queue);
}
