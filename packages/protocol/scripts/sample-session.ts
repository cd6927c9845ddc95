import {
  type DownFrame,
  encodeDown,
  encodeMessage,
  encodeUp,
  LIMITS,
  packEntries,
  packFrames,
  type UpFrame,
} from '@fieldpost/protocol';
import { DEVICE, EPOCH, GENERATION, messageId, SESSION, utf8 } from './sample-values.ts';

/** One HTTP request or answer of the sample session in the protocol's document. */
export interface SampleStep {
  readonly direction: 'up' | 'down';
  readonly about: string;
  readonly frames: readonly (UpFrame | DownFrame)[];
  /** The whole HTTP body. */
  readonly body: Uint8Array;
}

const first = encodeMessage({ id: messageId(1), properties: {}, body: utf8('{"order":1}') });
const second = encodeMessage({
  id: messageId(2),
  properties: { label: 'Order 2' },
  body: utf8('{"order":2}'),
});
const third = encodeMessage({ id: messageId(3), properties: {}, body: utf8('{"order":3}') });

const stream = { epoch: EPOCH, queue: 'orders', priority: 3 };

/** A device with three orders, of which one was taken back, delivers them over HTTP. */
export const sampleSession: readonly SampleStep[] = [
  up('The device says who it is and what waits. It was never here: it names no session.', {
    type: 'hello',
    versions: [1, 1],
    device: DEVICE,
    client: 'sample/1.0',
    streams: [{ ...stream, acknowledged: 0 }],
    waiting: { messages: 3, bytes: 160, oldestAgeMs: 60_000 },
  }),
  down('The gateway opens session 7. It knows nothing of the stream: number 1 is next.', {
    type: 'welcome',
    version: 1,
    session: SESSION,
    generation: GENERATION,
    limits: {
      frameBytes: LIMITS.frameBytes,
      bodyBytes: LIMITS.bodyBytesMax,
      runMessages: LIMITS.runMessages,
      windowMessages: LIMITS.windowMessages,
      windowBytes: LIMITS.windowBytes,
    },
    streams: [{ ...stream, attempt: 0, accepted: 0, since: 0 }],
    serverTimeMs: 1_795_420_800_000,
  }),
  up(
    'Three messages, number 1 to 3. The third was cancelled before it was sent: an empty entry and a skip.',
    {
      type: 'push',
      session: SESSION,
      device: DEVICE,
      runs: [
        {
          ...stream,
          first: 1,
          acknowledged: 0,
          attempt: 0,
          ageMs: 60_250,
          messages: packEntries([first, second, new Uint8Array(0)]),
          skips: [{ index: 2, id: messageId(3), code: 'cancelled' }],
        },
      ],
    },
  ),
  down('All three are settled: two are in the queue, number 3 is known never to come.', {
    type: 'ack',
    streams: [
      {
        ...stream,
        attempt: 0,
        accepted: 3,
        acceptedId: messageId(3),
        since: 0,
        skips: [{ number: 3, id: messageId(3), code: 'cancelled' }],
      },
    ],
  }),
];

/** The message layout, taken apart in the document. */
export const sampleMessages: readonly Uint8Array[] = [first, second, third];

function up(about: string, frame: UpFrame): SampleStep {
  return { direction: 'up', about, frames: [frame], body: packFrames([encodeUp(frame)]) };
}

function down(about: string, frame: DownFrame): SampleStep {
  return { direction: 'down', about, frames: [frame], body: packFrames([encodeDown(frame)]) };
}
