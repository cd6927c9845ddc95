import type { Rng } from '@fieldpost/protocol';
import { ALL_FAULTS } from './faults/all-faults.ts';
import { NO_NOISE, type Noise, type NoiseKind } from './faults/fault-book.ts';

/** What somebody asks of a seed; everything else the seed draws. */
export interface Asked {
  /** Seconds of simulated time with faults. */
  readonly ticks?: number | undefined;
  /** Kinds of fault, of which all are used; undefined: the seed draws a part of them. */
  readonly faults?: readonly string[] | undefined;
}

/**
 * How one world is made. Each seed draws its own, and leaves most kinds of fault out: faults hide each other, and a world
 * that has all of them at once never gets far enough to meet the rare ones.
 */
export interface Swarm {
  readonly devices: number;
  readonly gateways: number;
  /** Messages that are saved before the faults end, at least. */
  readonly messages: number;
  readonly safetyMs: number;
  /** Faults that are asked for, each of which has to happen. */
  readonly faults: number;
  readonly kinds: readonly string[];
  readonly noise: Noise;
  readonly latencyMaxMs: number;
  readonly burstMax: number;
  readonly bodyMax: number;
  readonly tabsMax: number;
  readonly tokenMs: number;
  readonly keepDeliveredMs: number;
  readonly leaseMs: number;
  readonly workMs: number;
  readonly waitMs: number;
  /** Of the queues that most is sent to; the others have one each. */
  readonly consumersPerQueue: number;
}

const FAULTS_MIN = 24;
const MESSAGES_MIN = 200;

export function drawSwarm(rng: Rng, asked: Asked): Swarm {
  const between = (least: number, most: number): number => least + rng.below(most - least + 1);
  const drawn: Swarm = {
    devices: between(3, 5),
    gateways: between(1, 3),
    messages: between(MESSAGES_MIN + 10, MESSAGES_MIN + 60),
    safetyMs: (rng.chance(0.7) ? between(20, 45) : between(45, 150)) * 1_000,
    faults: between(FAULTS_MIN, FAULTS_MIN + 20),
    kinds: drawKinds(rng),
    noise: drawNoise(rng),
    latencyMaxMs: rng.pick([5, 80, 400, 1_500]),
    burstMax: rng.pick([3, 8, 20]),
    bodyMax: rng.pick([10, 200, 2_000]),
    tabsMax: between(1, 3),
    tokenMs: rng.pick([20_000, 120_000, 3_600_000]),
    keepDeliveredMs: rng.pick([60_000, Number.POSITIVE_INFINITY]),
    leaseMs: between(2, 15) * 1_000,
    workMs: rng.pick([0, 50, 1_000]),
    waitMs: rng.pick([5_000, 20_000, 45_000]),
    consumersPerQueue: between(1, 2),
  };
  const { ticks, faults } = asked;
  const kinds = faults ?? drawn.kinds;
  return {
    ...drawn,
    // What a store has forgotten can only come from the messages that devices kept.
    ...(kinds.includes('restored-backup') ? { keepDeliveredMs: Number.POSITIVE_INFINITY } : {}),
    ...(ticks === undefined ? {} : { safetyMs: ticks * 1_000 }),
    ...(faults === undefined ? {} : { kinds: faults, noise: keepAsked(drawn.noise, faults) }),
    ...(faults?.length === 0 ? { faults: 0 } : {}),
  };
}

/** One line for each option, as the report prints them. */
export function describeSwarm(swarm: Swarm): string[] {
  const { kinds, noise, ...others } = swarm;
  const noises = Object.entries(noise).filter(([, probability]) => probability > 0);
  return [
    ...Object.entries(others).map(([name, value]) => `${name} ${value}`),
    `kinds ${kinds.join(' ')}`,
    `noise ${noises.map(([kind, probability]) => `${kind} ${(probability * 100).toFixed(1)} %`).join(', ') || 'none'}`,
  ];
}

function drawKinds(rng: Rng): string[] {
  const names = ALL_FAULTS.filter(({ isDrawn }) => isDrawn !== false).map(({ name }) => name);
  const share = rng.pick([0.2, 0.5, 0.8]);
  const kinds = names.filter(() => rng.chance(share));
  return kinds.length > 0 ? kinds : [rng.pick(names)];
}

function drawNoise(rng: Rng): Noise {
  if (rng.chance(0.4)) return NO_NOISE;
  const draw = (most: number): number => (rng.chance(0.5) ? 0 : rng.next() * most);
  return {
    'frame-dropped': draw(0.06),
    'frame-doubled': draw(0.1),
    'frame-overtaken': draw(0.1),
    'connection-cut': draw(0.06),
    'connection-refused': draw(0.3),
  };
}

function keepAsked(noise: Noise, faults: readonly string[]): Noise {
  const kept: Record<NoiseKind, number> = { ...NO_NOISE };
  for (const kind of Object.keys(NO_NOISE) as NoiseKind[])
    if (faults.includes(kind)) kept[kind] = noise[kind];
  return kept;
}
