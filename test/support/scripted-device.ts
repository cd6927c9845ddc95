import {
  type DownFrame,
  type GenerationId,
  type Hello,
  LIMITS,
  type MessageId,
  type Push,
  type Run,
  type SessionNonce,
  type StreamKey,
  type StreamState,
  unpackEntries,
  type UpFrame,
  uuidFromBytes,
  type Welcome,
} from '@fieldpost/protocol';
import { connect, type ConnectOptions, type Fieldpost } from '@fieldpost/sdk';
import {
  createMemoryOutboxStore,
  createSeededEntropy,
  ManualClock,
  MemoryDatabase,
  type ScriptedConnection,
  ScriptedTransport,
  type Signals,
} from '@fieldpost/sdk/testing';

const SESSION = { number: 1, nonce: '0011223344556677' as SessionNonce };
const GENERATION = '8d1f6f0e-0000-4000-8000-000000000001' as GenerationId;

/** Under what the device knows to be acknowledged. */
const SOME_ID = '0190a000-0000-7000-8000-00000000ffff' as MessageId;

type Limits = Welcome['limits'];

export interface ScriptedDeviceOptions {
  readonly database?: MemoryDatabase;
  readonly clock?: ManualClock;
  readonly seed?: string;
  readonly signals?: Signals;
  readonly connect?: Partial<ConnectOptions>;
}

/** The real SDK on a memory store and a manual clock; the test is the gateway. */
export class ScriptedDevice {
  readonly database: MemoryDatabase;
  readonly clock: ManualClock;
  readonly socket: ScriptedTransport;
  readonly http: ScriptedTransport;
  readonly post: Fieldpost;

  private constructor(database: MemoryDatabase, clock: ManualClock, post: Fieldpost, transports: Transports) {
    this.database = database;
    this.clock = clock;
    this.post = post;
    this.socket = transports.socket;
    this.http = transports.http;
  }

  static async open(options: ScriptedDeviceOptions = {}): Promise<ScriptedDevice> {
    const { database = new MemoryDatabase(), clock = new ManualClock(), seed = 'device' } = options;
    const transports = { socket: new ScriptedTransport(), http: new ScriptedTransport() };
    const post = await connect({
      gateway: 'https://gateway.test',
      token: () => 'token',
      ...options.connect,
      surroundings: {
        store: createMemoryOutboxStore(database),
        clock,
        entropy: createSeededEntropy(seed),
        hints: { subscribe: () => () => undefined },
        ...transports,
        ...(options.signals === undefined ? {} : { signals: options.signals }),
        ...options.connect?.surroundings,
      },
    });
    const device = new ScriptedDevice(database, clock, post, transports);
    await device.settle();
    return device;
  }

  /** Opens the latest connection and welcomes the device; the gateway has what the device knows it to have, unless said. */
  async greet(
    answers: readonly StreamState[] = [],
    limits: Partial<Limits> = {},
    said: Partial<Pick<Welcome, 'generation' | 'serverTimeMs' | 'session'>> = {},
  ): Promise<ScriptedConnection> {
    const connection = this.socket.latest;
    connection.open();
    await this.settle();
    const hello = helloOf(connection);
    const streams = hello.streams.map(
      (stream) =>
        answers.find((answer) => sameStream(answer, stream)) ?? {
          ...state(stream, stream.acknowledged, stream.acknowledged === 0 ? undefined : SOME_ID),
          since: stream.acknowledged,
        },
    );
    connection.answer({ ...welcome(streams, limits), ...said });
    await this.settle();
    return connection;
  }

  /** Lets everything run that needs no time to pass. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass, in steps short enough for answers of the store to come in time. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left >= 0; left -= 1_000) {
      this.clock.advance(Math.min(left, 1_000));
      await this.settle();
    }
  }

  /** Ends the connection, and waits for the next one. */
  async reconnect(): Promise<void> {
    const before = this.socket.connections.length;
    this.socket.latest.end();
    for (let tries = 0; this.socket.connections.length === before; tries++) {
      if (tries === 100) throw new Error('the device does not connect again');
      await this.pass(1_000);
    }
  }
}

interface Transports {
  readonly socket: ScriptedTransport;
  readonly http: ScriptedTransport;
}

function welcome(streams: readonly StreamState[], limits: Partial<Limits> = {}): Welcome {
  return {
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
      ...limits,
    },
    streams: [...streams],
    serverTimeMs: 0,
  };
}

/** What the gateway says of a stream of which it has accepted up to a number. */
export function state(stream: StreamKey, accepted: number, acceptedId?: MessageId): StreamState {
  const { epoch, queue, priority } = stream;
  return {
    epoch,
    queue,
    priority,
    attempt: 0,
    accepted,
    since: 0,
    ...(acceptedId === undefined ? {} : { acceptedId }),
  };
}

/** The answer of a gateway that took everything of a push. */
export function ackOf(push: Push): DownFrame {
  const last = new Map(push.runs.map((run) => [`${run.epoch}${run.priority}${run.queue}`, run]));
  return { type: 'ack', streams: [...last.values()].map(takenState) };
}

export function takenState(run: Run): StreamState {
  const ids = idsOf(run);
  const skips = run.skips?.map(({ index, id, code }) => ({ number: run.first + index, id, code }));
  return {
    ...state(run, run.first + ids.length - 1, ids.at(-1)),
    attempt: run.attempt,
    since: run.acknowledged,
    ...(skips === undefined ? {} : { skips }),
  };
}

/** The ids of a run's messages; for a skip, the one it names. */
export function idsOf(run: Run): MessageId[] {
  return unpackEntries(run.messages, LIMITS.runMessages).map((entry, index) =>
    entry.length === 0
      ? (run.skips?.find((skip) => skip.index === index)?.id ?? fail('a skip without an id'))
      : (uuidFromBytes(entry.subarray(0, 16)) as MessageId),
  );
}

export function pushesOf(connection: ScriptedConnection): Push[] {
  return connection.sent.filter((frame): frame is Push => frame.type === 'push');
}

export function runsOf(connection: ScriptedConnection): Run[] {
  return pushesOf(connection).flatMap(({ runs }) => runs);
}

export function helloOf(connection: ScriptedConnection): Hello {
  const hello = connection.sent.findLast((frame: UpFrame): frame is Hello => frame.type === 'hello');
  return hello ?? fail('no hello was sent');
}

/** The first and the last number of each run. */
export function numbersOf(runs: readonly Run[]): string[] {
  return runs.map((run) => `${run.first}-${run.first + idsOf(run).length - 1}`);
}

function sameStream(one: StreamKey, other: StreamKey): boolean {
  return one.epoch === other.epoch && one.queue === other.queue && one.priority === other.priority;
}

function fail(what: string): never {
  throw new Error(what);
}

/** How many pushes of a connection have been answered. */
export const answeredPushes = new WeakMap<object, number>();

/** Answers the oldest push that has no answer yet, as a gateway that takes everything. */
export function answerPush(connection: ScriptedConnection): void {
  const answered = answeredPushes.get(connection) ?? 0;
  const push = pushesOf(connection)[answered];
  if (push === undefined) throw new Error('nothing waits for an answer');
  answeredPushes.set(connection, answered + 1);
  connection.answer(ackOf(push));
}

/** Answers as a gateway that takes everything, until nothing more is pushed. */
export async function answerAll(device: ScriptedDevice, connection: ScriptedConnection): Promise<void> {
  for (let answered = 0; ; answered++) {
    const pushes = connection.sent.filter(({ type }) => type === 'push');
    if (answered >= pushes.length) return;
    answerPush(connection);
    await device.settle();
  }
}

export function only(runs: readonly Run[]): Run {
  const [run] = runs;
  if (run === undefined || runs.length > 1) throw new Error(`${runs.length} runs instead of one`);
  return run;
}
