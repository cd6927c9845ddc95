import {
  decodeProperties,
  LIMITS,
  type MessageId,
  type MessageParts,
  ProtocolError,
  type RefusalCode,
  splitMessage,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { DeliveryTerms, NewMessage, QueueRow } from '../ports/gateway-store.ts';
import { deliveryTerms, NO_TERMS } from './delivery-terms.ts';
import type { ReadRun } from './read-push.ts';

const ID_BYTES = 16;

/** Why nothing of a run, or one entry, becomes a message. */
export class Refusal {
  readonly code: RefusalCode;

  constructor(code: RefusalCode) {
    this.code = code;
  }
}

/** Reads an entry as far as its queue has to know, or says why it is refused. `known`: the message before it. */
export function readEntry(
  entry: Uint8Array,
  queue: QueueRow,
  times: Pick<NewMessage, 'sentAt' | 'arrivedAt'> & { readonly run: ReadRun },
  known: NewMessage | undefined,
): (MessageParts & { readonly terms?: DeliveryTerms }) | Refusal {
  try {
    const parts = splitMessage(entry);
    // Messages of one run mostly carry the same properties, and reading them costs more than all else here.
    const isKnown = known !== undefined && isSameBytes(parts.properties, known.properties);
    const terms = isKnown ? (known.terms ?? NO_TERMS) : termsOf(parts.properties, times);
    if (typeof terms === 'string') return new Refusal(terms);
    if (parts.body.length > Math.min(queue.maxBodyBytes, LIMITS.bodyBytesMax))
      return new Refusal('too-large');
    return terms === NO_TERMS ? parts : { ...parts, terms };
  } catch (error) {
    if (error instanceof ProtocolError)
      return new Refusal(error.code === 'too-large' ? 'too-large' : 'bad-message');
    throw error;
  }
}

function termsOf(
  properties: Uint8Array,
  { sentAt, arrivedAt, run }: Pick<NewMessage, 'sentAt' | 'arrivedAt'> & { readonly run: ReadRun },
): ReturnType<typeof deliveryTerms> {
  if (properties.length === 0) return NO_TERMS;
  return deliveryTerms(decodeProperties(properties), sentAt, arrivedAt, run.again === true);
}

function isSameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

/** The id under which an entry is refused: what stands where its id belongs, with zeros for what is cut off. */
export function idOfEntry(entry: Uint8Array): MessageId {
  const id = new Uint8Array(ID_BYTES);
  id.set(entry.subarray(0, ID_BYTES));
  return uuidFromBytes(id) as MessageId;
}
