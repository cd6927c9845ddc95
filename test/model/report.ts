import type { Exploration } from './explore.ts';
import { INVARIANTS, LIVENESS } from './invariants.ts';
import type { WorldSetup } from './world.ts';

/** What an exploration found, for people. */
export function reportOf(setup: WorldSetup, exploration: Exploration): string {
  const { states, moves, depth, seconds, isComplete, violation, struck } = exploration;
  const faults = Object.entries(setup.faults).flatMap(([fault, count]) =>
    count === 0 ? [] : [`${fault} × ${count} (made ${struck.get(fault) ?? 0} times)`],
  );
  const lines = [
    `${setup.name}: ${setup.about}`,
    `  messages: ${setup.messages.join(', ')}; faults: ${faults.join(', ') || 'none'}`,
    `  ${states} states, ${moves} moves, depth ${depth}, ${seconds.toFixed(1)} s${isComplete ? '' : ', NOT ALL: stopped at its bound'}`,
  ];
  if (violation !== undefined)
    return [...lines, `  BROKEN: ${violation.invariant}: ${violation.problem}`, ...violation.trace].join(
      '\n',
    );
  const held = INVARIANTS.map(({ name }) => `  held: ${name}`);
  return [...lines, ...held, ...(isComplete ? [`  held: ${LIVENESS}`] : [])].join('\n');
}

/** Faults that a world asked for and that never struck: it has proven nothing about them. */
export function missedFaults(setup: WorldSetup, { struck }: Exploration): string[] {
  return Object.entries(setup.faults).flatMap(([fault, count]) =>
    count > 0 && !struck.has(fault) ? [fault] : [],
  );
}
