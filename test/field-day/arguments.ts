import { parseArgs } from 'node:util';
import { UsageError } from '../support/arguments-or-explain.ts';
import { FAULT_LEVELS, type FaultLevel, ordersPerTabletMin } from './plan.ts';
import { ordersToSabotageMin, type Sabotage, SABOTAGES } from './sabotage.ts';

export interface FieldDayArguments {
  readonly orders: number;
  readonly tablets: number;
  readonly seed: string;
  readonly faults: FaultLevel;
  readonly json: boolean;
  readonly sabotage: Sabotage | undefined;
}

/** All orders of the sample. */
const ordersMax = 5009;
const tabletsMax = 16;

export const USAGE = `npm run field-day -- [options]

Replays real orders as sent by reps' tablets, lets things go wrong, and compares the end with the file.

  --orders N      how many of the ${ordersMax} orders (default: all)
  --tablets N     how many tablets, each a Chromium of its own (default: 4, at most ${tabletsMax})
  --seed S        decides what goes wrong and when (default: a new one, printed)
  --faults LEVEL  ${FAULT_LEVELS.join(', ')} (default: some)
  --json          one line of JSON as the last line
  --sabotage X    ${SABOTAGES.join(', ')}: plants a defect that the run must find
  --help`;

/** @throws UsageError for unknown or impossible arguments; undefined when help was asked for */
export function readArguments(
  words: readonly string[],
  freshSeed: () => string,
): FieldDayArguments | undefined {
  const values = parse(words);
  if (values.help) return undefined;
  const given = {
    orders: whole('orders', values.orders, ordersMax, ordersMax),
    tablets: whole('tablets', values.tablets, 4, tabletsMax),
    seed: values.seed ?? freshSeed(),
    faults: oneOf('faults', values.faults, FAULT_LEVELS) ?? 'some',
    json: values.json,
    sabotage: oneOf('sabotage', values.sabotage, SABOTAGES),
  };
  requireEnoughOrders(given);
  return given;
}

function requireEnoughOrders({ orders, tablets, faults, sabotage }: FieldDayArguments): void {
  const perTablet =
    faults === 'none' ? (sabotage === undefined ? 1 : ordersToSabotageMin) : ordersPerTabletMin;
  if (orders >= perTablet * tablets) return;
  throw new UsageError(
    `--orders ${orders}: too few for ${tablets} tablets; at least ${perTablet * tablets} are needed`,
  );
}

interface Values {
  readonly orders?: string;
  readonly tablets?: string;
  readonly seed?: string;
  readonly faults?: string;
  readonly sabotage?: string;
  readonly json: boolean;
  readonly help: boolean;
}

function parse(words: readonly string[]): Values {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        orders: { type: 'string' },
        tablets: { type: 'string' },
        seed: { type: 'string' },
        faults: { type: 'string' },
        sabotage: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function whole(name: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} ${text}: a whole number from 1 to ${max} is needed`);
}

function oneOf<Word extends string>(
  name: string,
  text: string | undefined,
  words: readonly Word[],
): Word | undefined {
  if (text === undefined) return undefined;
  const found = words.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${name} ${text}: one of ${words.join(', ')} is needed`);
  return found;
}
