import {
  encodeProperties,
  isQueueName,
  isUuid,
  LIMITS,
  type MessageId,
  type MessageProperties,
  ProtocolError,
} from '@fieldpost/protocol';
import type { SendOptions } from '../api/queue.ts';
import { FieldpostError } from '../core/fieldpost-error.ts';

const NO_PROPERTIES = new Uint8Array(0);
const KNOWN: ReadonlySet<string> = new Set([
  'priority',
  'id',
  'label',
  'headers',
  'correlationId',
  'replyTo',
  'contentType',
  'timeToReachQueueMs',
  'timeToLiveMs',
  'deliverAfterMs',
  'groupId',
  'ack',
  'traceparent',
]);

/** @throws FieldpostError `invalid-argument` */
export function checkQueueName(name: unknown): string {
  if (typeof name === 'string' && isQueueName(name)) return name;
  throw new FieldpostError(
    'invalid-argument',
    `queue name ${show(name)}: 1 to ${LIMITS.queueNameCharacters} of a-z 0-9 . _ -, beginning with a letter or a digit`,
  );
}

/** What the options of a send come to. */
export interface ReadSendOptions {
  readonly priority: number;
  readonly suppliedId: MessageId | undefined;
  readonly properties: MessageProperties | undefined;
}

/** A send without options. */
export const PLAIN: ReadSendOptions = {
  priority: LIMITS.priorityDefault,
  suppliedId: undefined,
  properties: undefined,
};

/** @throws FieldpostError `invalid-argument`, also for an option that does not exist: it would be lost without a word */
export function readSendOptions(options: SendOptions): ReadSendOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) {
      throw new FieldpostError(
        'invalid-argument',
        `send option ${show(name)}: known are ${[...KNOWN].join(', ')}`,
      );
    }
  }
  const { priority = LIMITS.priorityDefault, id, ...properties } = options;
  if (!Number.isInteger(priority) || priority < 0 || priority > LIMITS.priorityMax) {
    throw new FieldpostError(
      'invalid-argument',
      `priority ${show(priority)}: a whole number from 0 to ${LIMITS.priorityMax}`,
    );
  }
  return {
    priority,
    suppliedId: id === undefined ? undefined : checkMessageId(id),
    properties,
  };
}

/** @throws FieldpostError `invalid-argument` */
export function checkMessageId(id: unknown): MessageId {
  // The zero id stands for messages that nobody can read.
  if (typeof id === 'string' && isUuid(id) && !/^[0-]+$/.test(id)) return id as MessageId;
  throw new FieldpostError(
    'invalid-argument',
    `id ${show(id)}: a UUID of 36 lower-case characters, such as crypto.randomUUID() gives`,
  );
}

/** The properties as they travel. @throws FieldpostError `invalid-argument` */
export function packProperties(
  properties: MessageProperties | undefined,
  contentType: string | undefined,
): Uint8Array {
  if (properties === undefined && contentType === undefined) return NO_PROPERTIES;
  try {
    return encodeProperties({ ...properties, contentType });
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new FieldpostError('invalid-argument', error.message, { cause: error });
    throw error;
  }
}

/** When the first of its times runs out; undefined when it has none. */
export function expiresInMs(properties: MessageProperties | undefined): number | undefined {
  const { timeToReachQueueMs, timeToLiveMs } = properties ?? {};
  if (timeToReachQueueMs === undefined) return timeToLiveMs;
  return Math.min(timeToReachQueueMs, timeToLiveMs ?? timeToReachQueueMs);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : String(value);
}
