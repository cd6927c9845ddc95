import type { QueueRow } from '../ports/gateway-store.ts';

/** Adds the rows of all queues that rules of `rows` lead to, and theirs in turn: what a snapshot has to hold. */
export function addRuleTargets(
  rows: Map<string, QueueRow>,
  find: (name: string) => QueueRow | undefined,
): void {
  // A map's iteration goes on over what is added on the way.
  for (const row of rows.values()) {
    for (const { to } of row.rules) {
      if (rows.has(to)) continue;
      const target = find(to);
      if (target !== undefined) rows.set(to, target);
    }
  }
}
