import { randomBytes, randomUUID } from 'node:crypto';
import {
  type DeviceId,
  type DownFrame,
  encodeMessage,
  type EpochId,
  type Hello,
  hexFromBytes,
  type MessageId,
  messageIdFrom,
  type MessageProperties,
  packEntries,
  type Push,
  type Session,
  type StreamState,
  uuidFromBytes,
  type Welcome,
} from '@fieldpost/protocol';
import type { WireLink } from './wire-link.ts';

/** A run with what a test leaves out filled in. */
export type RunParts = Partial<Push['runs'][number]> & { readonly entries?: readonly Uint8Array[] };

/** A device without memory: it says exactly what the test wants it to say. */
export class WireDevice {
  readonly device = newDeviceId();
  readonly epoch = newEpoch();
  readonly queue: string;
  session: Session | undefined;

  constructor(queue: string) {
    this.queue = queue;
  }

  helloFrame(parts: Partial<Hello> = {}): Hello {
    return {
      type: 'hello',
      versions: [1, 1],
      device: this.device,
      ...(this.session === undefined ? {} : { lastSession: this.session }),
      client: 'wire-suite',
      streams: [],
      waiting: { messages: 0, bytes: 0, oldestAgeMs: 0 },
      ...parts,
    };
  }

  /** Says hello and keeps the session of the welcome. */
  async hello(link: WireLink, parts: Partial<Hello> = {}): Promise<Welcome> {
    const [answer] = await link.exchange(this.helloFrame(parts));
    const welcome = expectFrame(answer, 'welcome');
    this.session = welcome.session;
    return welcome;
  }

  pushFrame(...runs: readonly RunParts[]): Push {
    return {
      type: 'push',
      session: this.session ?? { number: 1, nonce: '0000000000000000' as Session['nonce'] },
      device: this.device,
      runs: runs.map(({ entries, ...parts }) => ({
        epoch: this.epoch,
        queue: this.queue,
        priority: 3,
        first: 1,
        acknowledged: 0,
        attempt: 0,
        ageMs: 0,
        messages: packEntries(entries ?? []),
        ...parts,
      })),
    };
  }

  /** Pushes runs in one frame; the states of its ack. */
  async push(link: WireLink, ...runs: readonly RunParts[]): Promise<readonly StreamState[]> {
    const [answer] = await link.exchange(this.pushFrame(...runs));
    return expectFrame(answer, 'ack').streams;
  }

  /** Pushes one run; the state of its stream. */
  async pushRun(link: WireLink, run: RunParts): Promise<StreamState> {
    const [state] = await this.push(link, run);
    if (state === undefined) throw new Error('an ack without the stream of the push');
    return state;
  }
}

export function expectFrame<Type extends DownFrame['type']>(
  frame: DownFrame | undefined,
  type: Type,
): Extract<DownFrame, { type: Type }> {
  if (frame?.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`);
  return frame as Extract<DownFrame, { type: Type }>;
}

export function newDeviceId(): DeviceId {
  return randomUUID() as string as DeviceId;
}

export function newEpoch(): EpochId {
  return hexFromBytes(randomBytes(16)) as EpochId;
}

export function newMessageId(): MessageId {
  return messageIdFrom(Date.now(), Uint8Array.from(randomBytes(10)));
}

/** A message with a text for its body. */
export function message(body: string, properties: MessageProperties = {}, id = newMessageId()): Uint8Array {
  return encodeMessage({ id, properties, body: new TextEncoder().encode(body) });
}

/** The id that a message's bytes begin with. */
export function idOf(bytes: Uint8Array): MessageId {
  return uuidFromBytes(bytes.subarray(0, 16)) as MessageId;
}

export const NO_MESSAGE = new Uint8Array(0);
