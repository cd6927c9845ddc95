import { type FaultName, isFaultName } from './fault-catalogue.ts';

/** What came of repeating one fault. */
export interface CycleRecord {
  readonly type: 'cycles';
  readonly fault: FaultName;
  /** Cycles of fault, recovery and check that ran to their end. */
  readonly cycles: number;
  /** How often the fault really happened: at least once in each cycle. */
  readonly fired: number;
  /** Cycles after which something was lost, doubled, changed, out of order or stuck. */
  readonly failures: number;
  /** Replays the run, together with the number of cycles. */
  readonly seed: string;
  readonly seconds: number;
  /** Figures for people, such as how many messages were checked. */
  readonly detail: string;
}

/** What came of bad input. */
export interface FuzzRecord {
  readonly type: 'fuzz';
  readonly target: string;
  readonly executions: number;
  readonly failures: number;
  readonly seed: string;
  readonly seconds: number;
}

/** What came of a soak. */
export interface SoakRecord {
  readonly type: 'soak';
  readonly minutes: number;
  readonly devices: number;
  readonly messages: number;
  readonly faults: number;
  readonly failures: number;
  readonly seed: string;
  /** What was measured and how it ended, such as `memory 81 MiB, +0.02 MiB a minute`. */
  readonly figures: readonly string[];
}

/** What came of simulated worlds. */
export interface SimulationRecord {
  readonly type: 'simulation';
  readonly firstSeed: number;
  readonly seeds: number;
  readonly failures: number;
  readonly messages: number;
  readonly faults: number;
  readonly seconds: number;
  /** Such as `outbox: 30 of 45 state × event cells reached`. */
  readonly coverage: readonly string[];
}

export type RunRecord = CycleRecord | FuzzRecord | SoakRecord | SimulationRecord;

/** Reads a record. Throws for one that was not written by {@link recordRun}: published figures are not guessed. */
export function parseRecord(value: unknown): RunRecord {
  const type = field(value, 'type');
  switch (type) {
    case 'cycles': {
      const fault = text(value, 'fault');
      if (!isFaultName(fault)) throw new TypeError(`${fault} is no fault of the catalogue`);
      const { cycles, fired, failures, seconds } = numbers(value, ['cycles', 'fired', 'failures', 'seconds']);
      return {
        type,
        fault,
        cycles,
        fired,
        failures,
        seconds,
        seed: text(value, 'seed'),
        detail: text(value, 'detail'),
      };
    }
    case 'fuzz': {
      const { executions, failures, seconds } = numbers(value, ['executions', 'failures', 'seconds']);
      return {
        type,
        target: text(value, 'target'),
        executions,
        failures,
        seconds,
        seed: text(value, 'seed'),
      };
    }
    case 'soak': {
      const read = numbers(value, ['minutes', 'devices', 'messages', 'faults', 'failures']);
      return { type, ...read, seed: text(value, 'seed'), figures: texts(value, 'figures') };
    }
    case 'simulation': {
      const read = numbers(value, ['firstSeed', 'seeds', 'failures', 'messages', 'faults', 'seconds']);
      return { type, ...read, coverage: texts(value, 'coverage') };
    }
    default:
      throw new TypeError(`no record is of type ${String(type)}`);
  }
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function text(value: unknown, name: string): string {
  const found = field(value, name);
  if (typeof found !== 'string') throw new TypeError(`${name} has to be a text: ${JSON.stringify(value)}`);
  return found;
}

export function texts(value: unknown, name: string): readonly string[] {
  return list(value, name).map((item) => {
    if (typeof item !== 'string') throw new TypeError(`${name} has to be texts: ${JSON.stringify(value)}`);
    return item;
  });
}

export function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  if (!Array.isArray(found)) throw new TypeError(`${name} has to be a list: ${JSON.stringify(value)}`);
  return found;
}

export function number(value: unknown, name: string): number {
  const found = field(value, name);
  if (typeof found !== 'number' || !Number.isFinite(found))
    throw new TypeError(`${name} has to be a number: ${JSON.stringify(value)}`);
  return found;
}

function numbers<Name extends string>(value: unknown, names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, number(value, name)])) as Record<Name, number>;
}
