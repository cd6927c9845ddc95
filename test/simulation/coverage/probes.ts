import type { ModulePatch } from '../patches/module-patch.ts';
import { cellText } from './cell-text.ts';
import type { Machine } from './machines.ts';

/** Where probes leave what they see: by machine and cell, how often. */
const COUNTS = Symbol.for('fieldpost.simulation.cells');

/** Patches that have the step of each machine count its cells. The step itself stays as it is. */
export function probesFor(machines: readonly Machine[]): ModulePatch[] {
  return machines.map(({ name, module, step, stateIn }) => ({
    module,
    find: new RegExp(`export function ${step}\\([^)]*\\)[^{]*\\{`),
    replace: `$&\n  globalThis[Symbol.for('fieldpost.simulation.cells')]?.(${JSON.stringify(name)}, ${stateIn}, event.type);\n`,
  }));
}

/** Counts what probes see in this thread. */
export class CellCounts {
  #counts = new Map<string, number>();

  constructor() {
    const count = (machine: string, state: string, event: string): void => {
      const cell = `${machine}: ${cellText(state, event)}`;
      this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1);
    };
    Object.defineProperty(globalThis, COUNTS, { value: count, configurable: true });
  }

  /** What was seen since the last call. */
  take(): Record<string, number> {
    const counts = Object.fromEntries(this.#counts);
    this.#counts = new Map();
    return counts;
  }
}
