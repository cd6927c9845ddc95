import type { ConsumerOptions } from './consumer/consumer-options.ts';
import type { Consumer } from './consumer/consumer.ts';
import { QueueConsumer } from './consumer/queue-consumer.ts';

export type { Consumer } from './consumer/consumer.ts';
export type { ConsumerOptions } from './consumer/consumer-options.ts';
export type { ConsumerProblem } from './consumer/consumer-problem.ts';
export { createDoneMessages, type DoneMessages, type SqlClient } from './consumer/done-messages.ts';
export type { MessageToSend } from './consumer/message-to-send.ts';
export type { ReceivedMessage } from './consumer/received-message.ts';
export type { SettleOutcome } from './consumer/settler.ts';
export type { ConsumerSurroundings } from './consumer/surroundings.ts';
export { type FailureOutcome, FieldpostError } from './core/fieldpost-error.ts';

/**
 * Receives the messages of one queue: in Node, or any runtime that has `fetch`.
 *
 * ```ts
 * const consumer = createConsumer({ gateway, token, queue: 'orders', parse: readOrder });
 * for await (const message of consumer) {
 *   await book(message.body);
 *   await message.ack();
 * }
 * ```
 *
 * Nothing is asked of the gateway before the first loop or `run()` begins.
 *
 * @param options `parse` gives bodies their type; without it they are `unknown`
 * @throws FieldpostError `invalid-argument` naming the option and its bounds
 * @since 0.1.0
 */
export function createConsumer<Body>(
  options: ConsumerOptions<Body> & { readonly parse: (body: unknown) => Body },
): Consumer<Body>;
export function createConsumer(options: ConsumerOptions): Consumer;
export function createConsumer<Body>(options: ConsumerOptions<Body>): Consumer<Body> | Consumer {
  const { parse, ...rest } = options;
  return parse === undefined ? new QueueConsumer(rest, (body) => body) : new QueueConsumer(rest, parse);
}
