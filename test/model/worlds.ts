import { createMemoryDisk, newQueueRow } from '@fieldpost/gateway/testing';
import { type DeviceId, LIMITS } from '@fieldpost/protocol';
import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { INVARIANT } from './invariants.ts';
import { generationOf, withQueue } from './run-gateway.ts';
import { BODY_BYTES_MAX, type Faults, LANE, NO_FAULTS, type World, type WorldSetup } from './world.ts';

const DEVICE = '00000000-0000-4000-8000-00000000d001' as DeviceId;

/** The first state of a world: an empty disk, an empty store with one queue, and nothing running. */
export function createWorld(setup: WorldSetup): World {
  const database = new MemoryDatabase();
  database.device = DEVICE;
  const devices = Math.max(...setup.tabs) + 1;
  const row = newQueueRow(LANE.queue, 0, { maxBodyBytes: BODY_BYTES_MAX });
  return {
    setup,
    disks: Array.from({ length: devices }, (_, device) => (device === 0 ? database : undefined)),
    diskImage: undefined,
    tabs: setup.tabs.map((disk, index) => ({
      name: devices > 1 ? `device ${disk + 1}` : `tab ${index + 1}`,
      disk,
      starts: 0,
      state: undefined,
      seen: {},
      hasLock: false,
      line: undefined,
      signals: [],
      open: [],
    })),
    lateLines: [],
    gateway: {
      disk: withQueue(createMemoryDisk(generationOf(1)), row),
      image: undefined,
      isAlarmed: false,
      wentBack: false,
    },
    left: setup.faults,
    sent: 0,
    mishap: undefined,
    minted: 1,
  };
}

function setUp(
  name: string,
  about: string,
  messages: WorldSetup['messages'],
  faults: Partial<Faults>,
  more: Partial<WorldSetup> = {},
): WorldSetup {
  return {
    name,
    about,
    messages,
    tabs: [0],
    faults: { ...NO_FAULTS, ...faults },
    transactions: false,
    fatesMax: LIMITS.fatesTold,
    flaws: {},
    ...more,
  };
}

const ONE = ['plain'] as const;
const TWO = ['plain', 'plain'] as const;
const THREE = ['plain', 'plain', 'plain'] as const;
const CLONE = { tabs: [0, 1] } as const;
const TWO_TABS = { tabs: [0, 0] } as const;

/** Explored whole in every run of the tests. */
export const QUICK_WORLDS: readonly WorldSetup[] = [
  setUp('network', 'one of each that a network does, while two messages are on their way', TWO, {
    cut: 1,
    lose: 1,
    double: 1,
    swap: 1,
  }),
  setUp('refusal', 'a message refused among others, and answers that are lost', ['plain', 'refused'], {
    cut: 1,
    lose: 1,
  }),
  setUp(
    'few-fates',
    'answers that tell of one refusal at a time',
    ['refused', 'refused', 'plain'],
    { cut: 1 },
    { fatesMax: 1 },
  ),
  setUp('power-loss', 'a device that loses power twice, and starts again with what its disk holds', TWO, {
    powerLoss: 2,
  }),
  setUp('lost-between-epochs', 'a frame lost while messages of two starts are on their way', TWO, {
    powerLoss: 1,
    lose: 1,
  }),
  setUp('clone', 'a disk copied to a second device, and both go on', TWO, { clone: 1 }, CLONE),
  setUp('disk-rollback', 'a disk set back to an older copy', THREE, { diskRollback: 1 }),
  setUp('store-rollback', "a gateway's store set back to an older copy, and a broken connection", TWO, {
    storeRollback: 1,
    cut: 1,
  }),
  setUp('store-rollback-refusal', 'the same behind a refusal', ['plain', 'refused'], { storeRollback: 1 }),
  setUp(
    'transactions',
    'transactions of an app that overlap, and one that is given up',
    THREE,
    { abort: 1 },
    {
      transactions: true,
    },
  ),
  setUp('tabs', 'two tabs that send in one lane, and one of them crashes', TWO, { tabCrash: 1 }, TWO_TABS),
];

/** Larger ones: minutes each. */
export const DEEP_WORLDS: readonly WorldSetup[] = [
  setUp(
    'network-deep',
    'as network, with three messages of which one is refused',
    ['plain', 'refused', 'plain'],
    {
      cut: 1,
      lose: 1,
      double: 1,
      swap: 1,
    },
  ),
  setUp('power-loss-deep', 'power losses and a broken connection', THREE, { powerLoss: 2, cut: 1 }),
  setUp(
    'clone-deep',
    'a clone, a power loss, a broken connection',
    THREE,
    { clone: 1, powerLoss: 1, cut: 1 },
    CLONE,
  ),
  setUp('disk-rollback-deep', 'a disk set back, a power loss, a broken connection', THREE, {
    diskRollback: 1,
    powerLoss: 1,
    cut: 1,
  }),
  setUp(
    'rolled-back-clone',
    'a disk copied to a second device, and set back on the first',
    THREE,
    {
      diskRollback: 1,
      clone: 1,
    },
    CLONE,
  ),
  setUp('store-rollback-deep', 'a store set back twice, a power loss', TWO, {
    storeRollback: 2,
    powerLoss: 1,
  }),
  setUp('both-rolled-back', "a store and a device's disk set back", TWO, {
    storeRollback: 1,
    diskRollback: 1,
  }),
  setUp(
    'store-rollback-clone',
    'a store set back, and a cloned device',
    TWO,
    { storeRollback: 1, clone: 1 },
    CLONE,
  ),
  setUp('tabs-deep', 'two tabs, a crash, a broken connection', THREE, { tabCrash: 1, cut: 1 }, TWO_TABS),
];

/** A rule left out, the world that shows why it is there, and which invariants fall first. */
export interface FlawedWorld {
  readonly setup: WorldSetup;
  /** Looked at alone, where another one falls earlier. */
  readonly only?: readonly string[];
  /** What of the counterexample has to be found. */
  readonly breaks: string;
}

export const FLAWED_WORLDS: readonly FlawedWorld[] = [
  {
    setup: setUp(
      'one-epoch',
      'the naive scheme: a counter in the database, and a number at most `accepted` is a duplicate',
      TWO,
      { clone: 1 },
      {
        ...CLONE,
        flaws: { oneEpoch: true, answersWithoutId: true },
      },
    ),
    only: [INVARIANT.told],
    breaks: INVARIANT.told,
  },
  {
    setup: setUp(
      'one-epoch-with-ids',
      'the same, and the device compares the id of the last one: not enough',
      THREE,
      { clone: 1 },
      {
        ...CLONE,
        flaws: { oneEpoch: true },
      },
    ),
    only: [INVARIANT.told],
    breaks: INVARIANT.told,
  },
  {
    setup: setUp(
      'one-epoch-rollback',
      'one epoch, and a disk set back',
      TWO,
      { diskRollback: 1 },
      {
        flaws: { oneEpoch: true },
      },
    ),
    breaks: INVARIANT.doubt,
  },
  {
    setup: setUp(
      'number-before-save',
      'numbers drawn before the save: a later transaction commits first',
      TWO,
      {},
      {
        transactions: true,
        flaws: { numberBeforeSave: true },
      },
    ),
    breaks: INVARIANT.told,
  },
  {
    setup: setUp(
      'no-after',
      'no `after` across epochs',
      TWO,
      { powerLoss: 1, lose: 1 },
      { flaws: { noAfter: true } },
    ),
    breaks: INVARIANT.order,
  },
  {
    setup: setUp(
      'refusal-in-one-answer',
      'a refusal known only from the answer to its push',
      ['refused'],
      { cut: 1 },
      {
        flaws: { refusalInOneAnswer: true },
      },
    ),
    breaks: INVARIANT.refusal,
  },
  {
    setup: setUp(
      'renumber-at-start',
      'new numbers after a restart',
      ONE,
      { powerLoss: 1 },
      {
        flaws: { renumberAtStart: true },
      },
    ),
    breaks: INVARIANT.twice,
  },
  {
    setup: setUp(
      'gaps-accepted',
      'a number beyond the next one is taken',
      TWO,
      { lose: 1 },
      {
        flaws: { gapsAccepted: true },
      },
    ),
    breaks: INVARIANT.mark,
  },
  {
    setup: setUp(
      'mark-after-messages',
      'messages and mark in two transactions',
      ONE,
      { crash: 1 },
      {
        flaws: { markAfterMessages: true },
      },
    ),
    breaks: INVARIANT.twice,
  },
  {
    setup: setUp(
      'answer-before-commit',
      'the answer leaves before the commit',
      ONE,
      { crash: 1 },
      {
        flaws: { answerBeforeCommit: true },
      },
    ),
    breaks: INVARIANT.told,
  },
  {
    setup: setUp(
      'settled-streams-unnamed',
      'an idle device that does not name what it has delivered, after the store went back',
      ONE,
      { storeRollback: 1 },
      { flaws: { settledStreamsUnnamed: true } },
    ),
    breaks: INVARIANT.told,
  },
  {
    setup: setUp(
      'no-session-check',
      'a push of an older session is taken',
      TWO,
      { cut: 1 },
      {
        flaws: { noSessionCheck: true },
      },
    ),
    breaks: INVARIANT.fencing,
  },
];
