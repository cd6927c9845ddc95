import { z } from '@hono/zod-openapi';
import { decideProduce, scopeOfProduce } from '../../core/produce.ts';
import type { BodySchemas } from '../../ports/body-schemas.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Conditions } from '../../ports/conditions.ts';
import type { GatewayStore } from '../../ports/gateway-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Arrivals } from '../../shell/arrivals.ts';
import { logRuleProblems } from '../../shell/log-rule-problems.ts';
import { type Api, requirePermission } from '../api.ts';
import { itemSources, memberSource } from '../json-source.ts';
import {
  PRODUCE_PROBLEMS,
  produceProblem,
  producedMessageOf,
  type ProducePorts,
  SEND_BYTES_MAX,
  SEND_MESSAGES_MAX,
  sentMessage,
  sentMessageJson,
} from '../produced-message.ts';
import { producedMessage, queueParams } from '../schemas.ts';

export interface SendRoutePorts extends ProducePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly conditions: Conditions;
  readonly schemas: BodySchemas;
  readonly logger: Logger;
}

export interface SendRouteSettings {
  readonly createQueue?: { readonly maxBodyBytes: number };
}

const sendBody = z.union([
  z.object({ messages: z.array(producedMessage).min(1).max(SEND_MESSAGES_MAX) }),
  producedMessage,
]);

const sendAnswer = z.union([sentMessage, z.object({ messages: z.array(sentMessage) })]);

/** Sending by server-side producers. */
export function addSendRoute(api: Api, ports: SendRoutePorts, settings: SendRouteSettings): void {
  const { store, clock, arrivals, conditions, schemas, logger } = ports;
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/messages',
      tag: 'Messages',
      summary: 'Send one message or many',
      description:
        'Durable when it answers; many are stored all or none. With an `id` of yours the call may be repeated: the same ' +
        'content gives the first answer again, other content is `conflict`.',
      params: queueParams,
      body: sendBody,
      bodyBytesMax: SEND_BYTES_MAX,
      answers: {
        200: {
          description: 'One message for `{…}`, a list for `{ messages: […] }`, in its order.',
          schema: sendAnswer,
        },
      },
      problems: PRODUCE_PROBLEMS,
    },
    async ({ c, principal, params: { queue }, body, bodyText }) => {
      requirePermission(principal, 'send', queue);
      const now = clock.now();
      const isMany = 'messages' in body;
      const sources = isMany ? itemSources(memberSource(bodyText, 'messages') ?? '[]') : [bodyText];
      const list = isMany ? body.messages : [body];
      const messages = list.map((message, index) =>
        producedMessageOf(ports, {
          queue,
          now,
          message,
          source: sources[index] ?? '',
          where: `messages.${index}`,
        }),
      );
      const context = { now, conditions, schemas, ...settings };
      const result = await store.transact(scopeOfProduce(messages), (snapshot) =>
        decideProduce(snapshot, messages, context),
      );
      if ('code' in result) throw produceProblem(result, messages[result.index], `messages.${result.index}`);
      for (const arrived of result.arrivals) arrivals.notify(arrived);
      logRuleProblems(logger, result.ruleProblems);
      const [only] = result.answers;
      return c.json(
        isMany || only === undefined
          ? { messages: result.answers.map(sentMessageJson) }
          : sentMessageJson(only),
      );
    },
  );
}
