/** How much each scenario does. */
export interface Sizes {
  readonly name: 'full' | 'quick' | 'tiny';
  readonly repetitions: number;
  /** Orders of one block of awaited sends, and how many blocks of each contestant alternate. */
  readonly sendBlock: number;
  readonly sendBlocks: number;
  /** Orders that wait on the device, by how fast the contestant is. */
  readonly drain: number;
  readonly drainHandWritten: number;
  readonly drainWorkbox: number;
  readonly rxdbBatches: readonly number[];
  /** Orders of which bytes are counted; of the contestants with one request per order. */
  readonly wire: number;
  readonly slowLink: number;
  /** Messages per run, by number of devices. */
  readonly intake: readonly { readonly devices: number; readonly messages: number }[];
  readonly receive: number;
  /** Messages that a consumer works on at once. */
  readonly receiveAtOnce: readonly number[];
  readonly queues: QueueSizes;
}

/** How much the queues beside other queue servers do. */
export interface QueueSizes {
  readonly consumers: readonly number[];
  /** Messages that a consumer takes at once, of which each contestant's best counts. */
  readonly atOnce: readonly number[];
  /** Messages that a producer sends together, of which each contestant's best counts. */
  readonly batches: readonly number[];
  /** Messages of one measurement; and of one in which fewer than ten are under way, which wait for the disk one by one. */
  readonly messages: number;
  readonly messagesOneByOne: number;
  /** Messages that wait in the deep queue. */
  readonly deep: number;
  /** Whether the others are measured with a deep queue, too. */
  readonly deepForAll: boolean;
}

/** The figures that count. */
export const fullSizes: Sizes = {
  name: 'full',
  repetitions: 3,
  sendBlock: 100,
  sendBlocks: 15,
  drain: 10_000,
  drainHandWritten: 10_000,
  drainWorkbox: 2000,
  rxdbBatches: [100, 1000, 5000],
  wire: 1000,
  slowLink: 10_000,
  intake: [
    { devices: 1, messages: 100_000 },
    { devices: 10, messages: 200_000 },
    { devices: 100, messages: 200_000 },
  ],
  receive: 20_000,
  receiveAtOnce: [1, 10, 256],
  queues: {
    consumers: [1, 8, 32],
    atOnce: [1, 16, 64, 256],
    batches: [64, 256, 1000],
    messages: 10_000,
    messagesOneByOne: 500,
    deep: 1_000_000,
    deepForAll: true,
  },
};

/** For a look in between: rates of fewer orders, and the slow contestants sized down most. */
export const quickSizes: Sizes = {
  name: 'quick',
  repetitions: 3,
  sendBlock: 50,
  sendBlocks: 5,
  drain: 10_000,
  drainHandWritten: 500,
  drainWorkbox: 200,
  rxdbBatches: [1000],
  wire: 100,
  slowLink: 2000,
  intake: [
    { devices: 1, messages: 50_000 },
    { devices: 10, messages: 50_000 },
    { devices: 100, messages: 50_000 },
  ],
  receive: 5000,
  receiveAtOnce: [1, 10, 256],
  queues: {
    consumers: [1, 8, 32],
    atOnce: [64, 256],
    batches: [256],
    messages: 3000,
    messagesOneByOne: 100,
    deep: 100_000,
    deepForAll: false,
  },
};

/** Only enough to see that the bench itself works. */
export const tinySizes: Sizes = {
  name: 'tiny',
  repetitions: 1,
  sendBlock: 5,
  sendBlocks: 1,
  drain: 100,
  drainHandWritten: 5,
  drainWorkbox: 5,
  rxdbBatches: [10],
  wire: 20,
  slowLink: 20,
  intake: [{ devices: 2, messages: 200 }],
  receive: 50,
  receiveAtOnce: [10],
  queues: {
    consumers: [2],
    atOnce: [8, 16],
    batches: [16],
    messages: 60,
    messagesOneByOne: 10,
    deep: 300,
    deepForAll: false,
  },
};
