import { createRng } from '@fieldpost/protocol';
import { ALL_CHECKERS } from './checkers/all-checkers.ts';
import type { Durability } from './device/device-disk.ts';
import { makePlainAnswers } from './network/plain-messages.ts';
import { type Asked, drawSwarm, type Swarm } from './swarm.ts';
import { World } from './world.ts';

export interface SimulationOptions extends Asked {
  /** Keep every line of the trace, to read. Slow. */
  readonly keepsTrace?: boolean;
  /** `relaxed`: a planted fault, disks that confirm what they have not written. */
  readonly deviceDurability?: Durability;
}

/** Something that must not happen. */
interface Finding {
  /** Who found it: a checker, or `faults`, `messages`, `crash`, `repeatability` for a run that proves nothing. */
  readonly checker: string;
  readonly detail: string;
}

/** What one seed came to. */
export interface SeedReport {
  readonly seed: string;
  readonly swarm: Swarm;
  /** Messages whose `send()` was fulfilled. */
  readonly messages: number;
  /** By kind: how often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** The same for every run of the seed. */
  readonly traceHash: string;
  readonly steps: number;
  /** Simulated milliseconds. */
  readonly simulatedMs: number;
  readonly trace: readonly string[];
}

/** Fewer faults than this prove little. */
const FAULTS_MIN = 20;

/** Runs the world of one seed. Nothing of it depends on anything but the seed and the options. */
export async function simulateSeed(
  seed: string | number,
  options: SimulationOptions = {},
): Promise<SeedReport> {
  const name = String(seed);
  const swarm = drawSwarm(createRng(name).fork('swarm'), options);
  const { keepsTrace = false, deviceDurability = 'strict' } = options;
  const restoreAnswers = makePlainAnswers();
  const { stackTraceLimit } = Error;
  // Worlds are full of errors that are expected, and where each was made costs more than it.
  if (!keepsTrace) Error.stackTraceLimit = 0;
  const world = new World({ seed: name, swarm, keepsTrace, deviceDurability });
  const findings: Finding[] = [];
  let isDrained = false;
  try {
    await world.runFaults();
    findings.push(...findIdle(world, swarm));
    isDrained = await world.drain();
  } catch (error) {
    findings.push({
      checker: 'crash',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  } finally {
    restoreAnswers();
    Error.stackTraceLimit = stackTraceLimit;
  }
  const evidence = { world, history: world.history, isDrained };
  for (const checker of ALL_CHECKERS)
    for (const detail of checker.check(evidence)) findings.push({ checker: checker.name, detail });
  const { trace, timeline, workload, book } = world;
  trace.note(
    timeline.nowMs,
    'over',
    findings.length,
    workload.saved,
    ...book.fired.keys(),
    ...book.fired.values(),
  );
  return {
    seed: name,
    swarm,
    messages: workload.saved,
    faults: Object.fromEntries([...book.fired].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    findings,
    traceHash: trace.hash,
    steps: timeline.steps,
    simulatedMs: timeline.nowMs,
    trace: trace.lines,
  };
}

/** A fault that was asked for and did not happen has proven nothing, nor has a world in which nothing was sent. */
function findIdle(world: World, swarm: Swarm): Finding[] {
  const findings: Finding[] = [];
  for (const place of world.book.waiting)
    findings.push({ checker: 'faults', detail: `asked for and never happened: ${place}` });
  if (world.plan.open > 0)
    findings.push({ checker: 'faults', detail: `${world.plan.open} faults never found a target` });
  if (swarm.faults > 0 && world.book.firedCount < FAULTS_MIN)
    findings.push({ checker: 'faults', detail: `only ${world.book.firedCount} faults happened` });
  if (world.workload.saved < swarm.messages)
    findings.push({
      checker: 'messages',
      detail: `only ${world.workload.saved} of ${swarm.messages} were saved`,
    });
  return findings;
}
