import assert from 'node:assert/strict';
import {
  decodeDown,
  decodeUp,
  encodeUp,
  isCode,
  type Rng,
  type Session,
  type UpFrame,
} from '@fieldpost/protocol';
import { fuzz } from './fuzz.ts';
import { hostileNumber, mutatedBytes } from './hostile-values.ts';
import { createTestGateway, sampleFrames, type TestGateway } from './internals.ts';

// A device's connection behind its handshake: frames in any order, near to what they should be. Each is answered with a
// frame or ends the connection, and the stream of another device stays where it is.

const { deviceId, epochId, hello, principal, push, run, runOf, session } = sampleFrames;
const BYSTANDER = '/v1/queues/bystander/messages';
const GATEWAY_LASTS = 2000;

fuzz(async () => {
  let gateway = await start();
  let fed = 0;
  const reached = { welcome: 0, ack: 0, error: 0, fenced: 0, accepted: 0 };
  return {
    reached,
    name: 'frames of a connection',
    draw: (rng) => {
      const frames = Array.from({ length: 1 + rng.below(4) }, () => drawFrame(rng));
      // Without a hello nothing else is looked at.
      if (rng.chance(0.8)) frames.unshift(encodeUp(hello({ device: deviceId(1 + rng.below(3)) })));
      return JSON.stringify(frames.map((frame) => Buffer.from(frame).toString('hex')));
    },
    feed: async (input) => {
      if (++fed % GATEWAY_LASTS === 0) gateway = await start();
      // Written by `draw`.
      await connect(gateway, JSON.parse(input) as readonly string[], reached);
      assert.deepEqual(gateway.failures, [], 'the store was reported as failed');
      const faults = gateway.log.filter(({ level }) => level === 'error');
      gateway.log.length = 0;
      // A device that knows more than the store is the one thing worth an alarm here.
      for (const { message, fields } of faults)
        assert.match(message, /restored from an older copy|went back/, JSON.stringify(fields));
    },
    lookAround: async () => {
      const { json } = await gateway.call('GET', `${BYSTANDER}?bodies=auto`);
      assert.equal(JSON.stringify(Reflect.get(Object(json), 'messages')).includes('"body":"stays"'), true);
    },
  };
}, 'frames of a connection');

async function connect(
  gateway: TestGateway,
  frames: readonly string[],
  reached: Record<string, number>,
): Promise<void> {
  let isOpen = true;
  let welcomed: Session | undefined;
  const own = principal({
    grants: { send: ['orders'], receive: [], manage: [] },
    expiresAt: gateway.clock.now() + 3_600_000,
  });
  const receiver = gateway.gateway.accept(own, {
    send: (frame) => {
      const down = decodeDown(frame);
      if (down.type === 'welcome') welcomed = down.session;
      reached[down.type] = (reached[down.type] ?? 0) + 1;
      if (down.type === 'ack' && down.streams.some(({ accepted }) => accepted > 0))
        reached['accepted'] = (reached['accepted'] ?? 0) + 1;
      if (down.type === 'error') assert.ok(isCode(down.code), down.code);
    },
    disconnect: () => {
      isOpen = false;
    },
  });
  for (const frame of frames) {
    if (isOpen) receiver.received(inSession(Buffer.from(frame, 'hex'), welcomed));
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  receiver.disconnected();
  await new Promise((resolve) => setImmediate(resolve));
}

/** A push can only be drawn for a session that nobody has; where it is one still, it is taken over into the one in force. */
function inSession(bytes: Uint8Array, live: Session | undefined): Uint8Array {
  if (live === undefined) return bytes;
  try {
    const frame = decodeUp(bytes);
    if (frame.type !== 'push' && frame.type !== 'close-epochs') return bytes;
    // Others stay a session that was ended, or never was.
    return frame.session.number === 1 ? encodeUp({ ...frame, session: live }) : bytes;
  } catch {
    return bytes;
  }
}

async function start(): Promise<TestGateway> {
  const gateway = await createTestGateway({ isDevelopment: true });
  await gateway.call('PUT', '/v1/queues/bystander', {});
  await gateway.call('POST', BYSTANDER, { messages: [{ body: 'stays' }] });
  return gateway;
}

function drawFrame(rng: Rng): Uint8Array {
  const bytes = encoded(drawUp(rng));
  return rng.chance(0.5) ? bytes : mutatedBytes(bytes, rng);
}

/** What the encoder itself refuses is left to the frames that are changed afterwards. */
function encoded(frame: UpFrame): Uint8Array {
  try {
    return encodeUp(frame);
  } catch {
    return encodeUp(hello());
  }
}

function drawUp(rng: Rng): UpFrame {
  const number = (): number => (rng.chance(0.8) ? 1 + rng.below(6) : hostileNumber(rng));
  const first = 1 + rng.below(5);
  const kinds: readonly (() => UpFrame)[] = [
    () => hello({ device: deviceId(1 + rng.below(3)) }),
    () => hello({ lastSession: session(number()) }),
    () =>
      push([runOf(first, first + rng.below(4), { epoch: epochId(1 + rng.below(3)), attempt: rng.below(3) })]),
    () =>
      push([
        runOf(first, first + 1, { queue: rng.pick(['orders', 'bystander', 'sys.x']), priority: number() }),
      ]),
    () =>
      push([run([rng.bytes(rng.below(60))], { first: number(), acknowledged: number(), ageMs: number() })], {
        session: session(number()),
      }),
    () => ({ type: 'close-epochs', session: session(number()), epochs: [epochId(number())] }),
  ];
  return rng.pick(kinds)();
}
