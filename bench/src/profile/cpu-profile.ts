/** A profile as V8 gives it: the same from a page and from Node. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples?: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas?: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** Counted from 0. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** Finds the file that a function was written in, where the page runs a bundle. */
export type Locate = (frame: CallFrame) => string;

export interface ProfileShare {
  readonly name: string;
  readonly milliseconds: number;
}

export interface ProfileSummary {
  readonly totalMs: number;
  readonly phases: readonly ProfileShare[];
  /** Functions by the time spent in themselves. */
  readonly functions: readonly ProfileShare[];
}

const functionsShown = 12;
const waiting = new Set(['(idle)']);

/**
 * Adds up the time spent in each phase. Built-in code has no file of its own: its time belongs to who called it.
 *
 * @param phaseOf the phase of a file; undefined for files that belong to none
 */
export function summarise(
  profile: CpuProfile,
  locate: Locate,
  phaseOf: (file: string, functionName: string) => string | undefined,
): ProfileSummary {
  const selfMs = selfTimes(profile);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const place = (id: number): { phase: string; file: string } => {
    const node = nodes.get(id);
    if (node === undefined) return { phase: 'other', file: '' };
    const { functionName, url } = node.callFrame;
    if (functionName.startsWith('(') && url === '')
      return { phase: functionName === '(root)' ? 'other' : functionName, file: '' };
    const file = url === '' ? '' : locate(node.callFrame);
    const phase = file === '' ? undefined : phaseOf(file, functionName);
    const parent = parents.get(id);
    if (phase !== undefined || parent === undefined) return { phase: phase ?? 'other', file };
    return { phase: place(parent).phase, file };
  };
  const phases = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const [id, milliseconds] of selfMs) {
    const { phase, file } = place(id);
    add(phases, phase, milliseconds);
    const name = nodes.get(id)?.callFrame.functionName ?? '';
    if (!name.startsWith('('))
      add(
        functions,
        `${name === '' ? 'anonymous' : name} (${file === '' ? `built in, ${phase}` : file})`,
        milliseconds,
      );
  }
  return {
    totalMs: [...selfMs.values()].reduce((sum, value) => sum + value, 0),
    phases: shares(phases),
    functions: shares(functions).slice(0, functionsShown),
  };
}

/** Whether a phase is the absence of work. */
export function isWaiting(phase: string): boolean {
  return waiting.has(phase);
}

function selfTimes({ samples = [], timeDeltas = [] }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>();
  // The time before a sample was spent in the sample before it.
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index + 1];
    if (delta !== undefined) times.set(id, (times.get(id) ?? 0) + delta / 1000);
  }
  return times;
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}

function shares(sums: ReadonlyMap<string, number>): ProfileShare[] {
  return [...sums]
    .map(([name, milliseconds]) => ({ name, milliseconds }))
    .toSorted((a, b) => b.milliseconds - a.milliseconds);
}
