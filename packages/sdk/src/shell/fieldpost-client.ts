import {
  type DeviceId,
  type MessageId,
  type MessageProperties,
  type StreamKey,
  streamKeyText,
} from '@fieldpost/protocol';
import type { Fieldpost, LogoutReport } from '../api/fieldpost.ts';
import type { Queue } from '../api/queue.ts';
import type { CancelOutcome, Delivery, Sent } from '../api/sent.ts';
import type { Status } from '../api/status.ts';
import type { Transaction } from '../api/transaction.ts';
import { createDevice, type DeviceState } from '../core/device/device-state.ts';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { laneText } from '../core/lane.ts';
import { entryAt } from '../core/outbox/entry-walk.ts';
import { pendingMessages } from '../core/outbox/skips.ts';
import type { Marker } from '../ports/marker.ts';
import type { FoundMessage, Lane } from '../ports/outbox-store.ts';
import { Deliveries } from './deliveries.ts';
import { DeviceRunner, type RunnerPorts } from './device-runner.ts';
import { encodeBody } from './encode-body.ts';
import { Mint, type MintedId } from './mint.ts';
import { OutboxView, SavedBody } from './outbox-view.ts';
import {
  areBytesEqual,
  conflict,
  type MessageToSave,
  type SaveCaller,
  type SavedMessage,
  Saver,
  unreadable,
} from './saver.ts';
import { checkQueueName, expiresInMs, packProperties, PLAIN, readSendOptions } from './send-options.ts';
import { StatusBoard } from './status-board.ts';
import { Trimmer } from './trimmer.ts';

export interface ClientOptions {
  readonly ports: RunnerPorts & { readonly marker: Marker };
  readonly gateway: () => string | Promise<string>;
  readonly token: () => string | Promise<string>;
  readonly socketAllowed: boolean;
  /** What the device calls itself. */
  readonly client: string;
  /** The database's name, and with it the lock's. */
  readonly name: string;
  readonly keepDeliveredMs: number;
  readonly keepDeliveredBytes: number;
}

/** Joins the loop, the saver and what the app sees. */
export class FieldpostClient implements Fieldpost {
  readonly status: Status;
  readonly outbox: OutboxView;
  readonly #options: ClientOptions;
  readonly #state: DeviceState;
  readonly #board: StatusBoard;
  readonly #deliveries: Deliveries;
  readonly #saver: Saver;
  readonly #runner: DeviceRunner;
  readonly #trimmer: Trimmer;
  #closing: Promise<void> | undefined;
  #letterReads = 0;

  /** Opens the store. Rejects with what the store rejects with. */
  static async open(options: ClientOptions): Promise<FieldpostClient> {
    const { store, marker, clock, entropy } = options.ports;
    const mint = new Mint(clock, entropy);
    const opened = await store.open({ device: mint.uuid() as DeviceId, marker: marker.read() });
    marker.write(opened.device);
    const client = new FieldpostClient(options, opened.device, mint);
    if (opened.condition === 'lost')
      client.#reportLost('was found empty or another one: what waited in it is gone from this device');
    try {
      await client.#runner.start();
    } catch (error) {
      await store.close();
      throw error;
    }
    client.#countLetters();
    return client;
  }

  private constructor(options: ClientOptions, device: DeviceId, mint: Mint) {
    const { store, clock } = options.ports;
    const epoch = mint.epoch();
    this.#options = options;
    const { client, socketAllowed } = options;
    this.#state = createDevice({ device, holder: mint.uuid(), client, epoch, socketAllowed });
    this.#board = new StatusBoard(clock);
    this.status = this.#board;
    this.#deliveries = new Deliveries(store, clock);
    this.#deliveries.follow(epoch);
    this.#trimmer = new Trimmer({
      store,
      clock,
      keepMs: options.keepDeliveredMs,
      keepBytes: options.keepDeliveredBytes,
    });
    this.#saver = this.#createSaver(mint, epoch);
    this.#runner = this.#createRunner(mint);
    this.outbox = new OutboxView({
      store,
      deliveries: this.#deliveries,
      assertOpen: () => this.#assertOpen(),
      resend: (lane, body, properties) =>
        new Promise((resolve, reject) => this.#save(lane, body, properties, undefined, resolve, reject)),
      lettersChanged: () => this.#countLetters(),
      takenBack: (skips) => this.#runner.dispatch({ type: 'takenBack', skips }),
    });
  }

  get device(): DeviceId {
    return this.#state.device;
  }

  queue<Body = unknown>(name: string): Queue<Body> {
    const queue = checkQueueName(name);
    const lanes: Lane[] = [];
    return {
      name: queue,
      send: (body, options) => {
        // One promise for each message and nothing around it: a burst makes thousands.
        return new Promise((resolve, reject) => {
          this.#assertOpen();
          const { priority, suppliedId, properties } =
            options === undefined ? PLAIN : readSendOptions(options);
          const lane = (lanes[priority] ??= { queue, priority });
          this.#save(lane, body, properties, suppliedId, resolve, reject);
        });
      },
    };
  }

  async transaction(compose: (transaction: Transaction) => void): Promise<readonly Sent[]> {
    this.#assertOpen();
    const messages: MessageToSave[] = [];
    const saved: Promise<Sent>[] = [];
    let isOver = false;
    const returned: unknown = compose({
      send: ({ name }, body, options = {}) => {
        if (isOver) throw new FieldpostError('closed', 'the transaction ended when its callback returned');
        const { priority, suppliedId, properties } = readSendOptions(options);
        if (suppliedId !== undefined)
          throw new FieldpostError(
            'invalid-argument',
            'send option "id": messages of a transaction have none',
          );
        const lane = { queue: checkQueueName(name), priority };
        // What is wrong with it is thrown to the callback.
        const message = this.#toSave(lane, body, properties, undefined, ignore, ignore);
        const sent = new Promise<Sent>((resolve, reject) => {
          messages.push({ ...message, caller: new Sender(this.#deliveries, this.outbox, resolve, reject) });
        });
        saved.push(sent);
      },
    });
    isOver = true;
    // Nobody waits for a transaction that is not saved.
    for (const sent of saved) sent.catch(() => undefined);
    if (returned instanceof Promise)
      throw new FieldpostError('invalid-argument', 'the callback of transaction() has to return at once');
    if (messages.length > 0) this.#saver.saveTransaction(messages);
    return Promise.all(saved);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async logout(): Promise<LogoutReport> {
    this.#assertOpen();
    await this.#saver.idle();
    const pending = pendingMessages(this.#state.outbox);
    const deadLetters = (await this.#options.ports.store.listDeadLetters()).length;
    await this.close();
    return { pending, deadLetters };
  }

  /** Throws what is wrong with the message; what is wrong with saving it goes to `reject`. */
  #save(
    lane: Lane,
    body: unknown,
    properties: MessageProperties | undefined,
    suppliedId: MessageId | undefined,
    resolve: (sent: Sent) => void,
    reject: (error: unknown) => void,
  ): void {
    this.#saver.save(this.#toSave(lane, body, properties, suppliedId, resolve, reject));
  }

  #toSave(
    lane: Lane,
    body: unknown,
    properties: MessageProperties | undefined,
    suppliedId: MessageId | undefined,
    resolve: (sent: Sent) => void,
    reject: (error: unknown) => void,
  ): MessageToSave {
    const { content, contentType } =
      body instanceof SavedBody ? body : encodeBody(body, properties?.contentType);
    return {
      lane,
      properties: packProperties(properties, contentType),
      body: content,
      suppliedId,
      expiresInMs: expiresInMs(properties),
      caller: new Sender(this.#deliveries, this.outbox, resolve, reject),
    };
  }

  async #close(): Promise<void> {
    await this.#saver.idle();
    this.#trimmer.stop();
    await this.#runner.stop();
    this.#deliveries.close();
    this.#board.show(this.#state);
    const { store, signals } = this.#options.ports;
    signals.close();
    await store.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined)
      throw new FieldpostError('closed', 'close() was called: connect() again');
  }

  #createSaver(mint: Mint, epoch: DeviceState['epoch']): Saver {
    const { store, clock } = this.#options.ports;
    return new Saver({
      store,
      clock,
      mint,
      epoch,
      listener: {
        saved: (keys, contents) => this.#runner.dispatch({ type: 'saved', keys, contents }),
        epochMinted: (minted) => {
          this.#deliveries.follow(minted);
          this.#runner.dispatch({ type: 'epochMinted', epoch: minted });
        },
        rolledBack: () => {
          this.#reportLost('went back to an older state: what was saved since is gone from this device');
          this.#runner.dispatch({ type: 'rolledBack' });
        },
        storageChanged: (error) => this.#storageChanged(error),
        findRepeated: (id, packed, lane) => this.#findRepeated(id, packed, lane),
      },
    });
  }

  #createRunner(mint: Mint): DeviceRunner {
    const { ports, name, gateway, token } = this.#options;
    return new DeviceRunner({
      ports,
      state: this.#state,
      lockName: name,
      gateway,
      token,
      mintDevice: () => mint.uuid() as DeviceId,
      listener: {
        deviceRenewed: (device) => ports.marker.write(device),
        announced: (settled) => {
          const { deadLetters, fates } = settled;
          this.#deliveries.settled(settled);
          if (deadLetters === undefined || deadLetters.length + fates.length > 0) this.#countLetters();
          if (deadLetters !== undefined) this.#trimmer.settled();
        },
        endEpoch: ({ epoch }) => this.#saver.endEpoch(epoch),
        storageChanged: (error) => this.#storageChanged(error),
        stepped: (state) => this.#board.show(state),
      },
    });
  }

  async #findRepeated(id: MessageId, packed: Uint8Array, lane: Lane): Promise<SavedMessage | undefined> {
    const found = await this.#options.ports.store.find(id);
    if (found === undefined) return undefined;
    // Of one that was taken back, or has expired, nothing is left to compare, and it was said what became of it.
    const isDamaged = found.message === undefined && found.code === undefined;
    if (isDamaged && (await this.#isLostHere(found))) throw unreadable(id, 'cannot be read any more');
    const isSame =
      laneText(found.stream) === laneText(lane) &&
      (found.message === undefined || areBytesEqual(found.message, entryAt(packed, 0)));
    if (!isSame) throw conflict(id);
    return { id, stream: found.stream, number: found.number };
  }

  /** Whether a message whose copy is damaged was not delivered before that. */
  async #isLostHere({ acknowledged, stream, number, deadLetter }: FoundMessage): Promise<boolean> {
    if (deadLetter !== undefined || !acknowledged) return true;
    const letters = await this.#options.ports.store.listDeadLetters();
    return letters.some(
      (letter) => letter.number === number && streamKeyText(letter.stream) === streamKeyText(stream),
    );
  }

  #storageChanged(error: unknown): void {
    if (error === undefined) {
      this.#board.setStorage('ready');
      this.#board.solve('storage-failed');
      this.#board.solve('storage-full');
    } else {
      const failure = error instanceof FieldpostError ? error : undefined;
      const code = failure?.code ?? 'storage-failed';
      const isTold = code === 'storage-full' || code === 'storage-lost';
      this.#board.setStorage(code === 'storage-full' ? 'full' : 'failing');
      this.#board.report(isTold ? code : 'storage-failed', failure?.message ?? 'the store failed');
    }
    this.#board.show(this.#state);
  }

  #reportLost(what: string): void {
    this.#board.report('storage-lost', `the local database ${what}`);
  }

  #countLetters(): void {
    const read = ++this.#letterReads;
    this.#options.ports.store.listDeadLetters().then(
      (letters) => {
        if (read !== this.#letterReads || this.#closing !== undefined) return;
        this.#board.setDeadLetters(letters.length);
        this.#board.show(this.#state);
      },
      () => undefined,
    );
  }
}

function ignore(): void {
  // Somebody else is told.
}

/** The caller of a `send`. Lean, as is what he gets: one of each is made for every message of a burst. */
class Sender implements SaveCaller {
  readonly #deliveries: Deliveries;
  readonly #outbox: OutboxView;
  readonly #resolve: (sent: Sent) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    deliveries: Deliveries,
    outbox: OutboxView,
    resolve: (sent: Sent) => void,
    reject: (error: unknown) => void,
  ) {
    this.#deliveries = deliveries;
    this.#outbox = outbox;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  saved(id: MintedId | MessageId, stream: StreamKey, number: number, isRepeated: boolean): void {
    this.#resolve(new SentMessage({ id, stream, number, isRepeated }, this.#deliveries, this.#outbox));
  }

  failed(error: unknown): void {
    this.#reject(error);
  }
}

interface SavedBefore {
  readonly id: MintedId | MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  readonly isRepeated: boolean;
}

class SentMessage implements Sent {
  readonly #saved: SavedBefore;
  readonly #deliveries: Deliveries;
  readonly #outbox: OutboxView;
  #delivered: Promise<Delivery> | undefined;

  constructor(saved: SavedBefore, deliveries: Deliveries, outbox: OutboxView) {
    this.#saved = saved;
    this.#deliveries = deliveries;
    this.#outbox = outbox;
  }

  get id(): MessageId {
    const { id } = this.#saved;
    return typeof id === 'string' ? id : id.text;
  }

  get queue(): string {
    return this.#saved.stream.queue;
  }

  get priority(): number {
    return this.#saved.stream.priority;
  }

  get delivered(): Promise<Delivery> {
    this.#delivered ??= this.#saved.isRepeated ? this.#askStore() : this.#wait();
    return this.#delivered;
  }

  cancel(): Promise<CancelOutcome> {
    return this.#outbox.cancelAt(this.#saved);
  }

  #wait(): Promise<Delivery> {
    return this.#deliveries.wait(this.#saved.stream, this.#saved.number);
  }

  /** A message of an earlier start may have been settled before anybody here listened. */
  async #askStore(): Promise<Delivery> {
    try {
      const message = await this.#outbox.get(this.id);
      if (message !== undefined) return await message.delivered;
    } catch {
      // The store will speak when the stream is settled.
    }
    return this.#wait();
  }
}
