import { careful, handWritten, barePut } from '../contestants/peers.ts';
import { type Row, spread } from '../measure/sample.ts';
import { byDepth, deepQueue, emptyQueue, wholeJob } from '../queues/run-queues.ts';
import { drain, saveAll } from '../scenarios/drain.ts';
import { intake } from '../scenarios/intake.ts';
import { sendAwaited } from '../scenarios/send-awaited.ts';
import { slowLink } from '../scenarios/slow-link.ts';

/** A promise of the project, and whether this run kept it. */
export interface Target {
  readonly promise: string;
  /** What was found, in words and numbers. */
  readonly found: string;
  readonly reached: boolean;
}

const depthCostMost = 1.5;
export const ours = 'Fieldpost';
export const bareIntake = 'bare socket.io + SQLite';

export interface TargetFacts {
  readonly rows: readonly Row[];
  /** The most seconds that the drain over the slow link may take. */
  readonly slowLinkMostSeconds: number;
}

/** Every target whose rows this run has. */
export function judge({ rows, slowLinkMostSeconds }: TargetFacts): Target[] {
  const peers = rows.filter(({ scenario, unit }) => scenario === drain && unit === 'messages/s');
  const best = (prefix: string): string | undefined =>
    peers
      .filter(({ contestant }) => contestant.startsWith(prefix))
      .toSorted((a, b) => median(b) - median(a))[0]?.contestant;
  return [
    ratio(rows, { scenario: sendAwaited, unit: 'messages/s' }, barePut.name, 0.9),
    ...['1 device', '10 devices', '100 devices'].map((variant) =>
      ratio(rows, { scenario: intake, unit: 'messages/s', variant }, bareIntake, 0.5),
    ),
    ratio(rows, { scenario: drain, unit: 'messages/s' }, handWritten.name, 100),
    ratio(rows, { scenario: drain, unit: 'messages/s' }, best(careful.name), 5),
    ratio(rows, { scenario: drain, unit: 'messages/s' }, best('RxDB'), 8),
    atMost(rows, { scenario: saveAll, unit: 'ms' }, 100),
    atMost(rows, { scenario: slowLink, unit: 's' }, slowLinkMostSeconds),
    ...judgeQueues(rows),
  ].filter((target) => target !== undefined);
}

/** Ahead of every queue server whose answers survive as much; and a deep queue that costs little more than an empty one. */
function judgeQueues(rows: readonly Row[]): (Target | undefined)[] {
  const variants = new Set(
    rows.filter(({ scenario }) => scenario === wholeJob).map(({ variant }) => variant),
  );
  const peers = new Set(
    rows
      .filter((row) => row.scenario === wholeJob && row.server === 'flushed' && row.contestant !== ours)
      .map(({ contestant }) => contestant),
  );
  const mine = rows.filter((row) => row.scenario === byDepth && row.contestant === ours);
  const [empty, deep] = [emptyQueue, deepQueue].map((depth) => mine.find(({ variant }) => variant === depth));
  return [
    ...[...peers].flatMap((peer) =>
      [...variants].map((variant) =>
        ratio(rows, { scenario: wholeJob, unit: 'messages/s', variant }, peer, 1),
      ),
    ),
    empty === undefined || deep === undefined ? undefined : depthTarget(median(empty) / median(deep), deep),
  ];
}

function depthTarget(cost: number, { note }: Row): Target {
  return {
    promise: `${wholeJob}, ${note ?? deepQueue}: at most ${depthCostMost} × the cost of an empty queue`,
    found: `${cost.toFixed(2)} ×`,
    reached: cost <= depthCostMost,
  };
}

type Which = Pick<Row, 'scenario' | 'unit'> & { readonly variant?: string };

function ratio(
  rows: readonly Row[],
  which: Which,
  against: string | undefined,
  least: number,
): Target | undefined {
  const mine = find(rows, which, ours);
  const theirs = against === undefined ? undefined : find(rows, which, against);
  if (mine === undefined || theirs === undefined) return undefined;
  const found = median(mine) / median(theirs);
  const variant = which.variant === undefined ? '' : `, ${which.variant}`;
  return {
    promise: `${which.scenario}${variant}: at least ${least} × ${theirs.contestant}`,
    found: `${found.toFixed(found < 10 ? 2 : 0)} ×`,
    reached: found >= least,
  };
}

function atMost(rows: readonly Row[], which: Which, most: number): Target | undefined {
  const mine = find(rows, which, ours);
  if (mine === undefined) return undefined;
  const digits = which.unit === 's' ? 2 : 0;
  return {
    promise: `${which.scenario}, ${mine.messages.toLocaleString('en')} orders: at most ${most.toFixed(digits)} ${which.unit}`,
    found: `${median(mine).toFixed(digits)} ${which.unit}`,
    reached: median(mine) <= most,
  };
}

function find(
  rows: readonly Row[],
  { scenario, unit, variant = '' }: Which,
  contestant: string,
): Row | undefined {
  return rows.find(
    (row) =>
      row.scenario === scenario &&
      row.unit === unit &&
      row.variant === variant &&
      row.contestant === contestant,
  );
}

function median(row: Row): number {
  return spread(row.values).median;
}
