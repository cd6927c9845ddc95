import type { RuleProblem } from '../core/route-arrival.ts';
import type { Logger } from '../ports/logger.ts';

/** Told once for each rule of a batch, however many messages met it. */
export function logRuleProblems(logger: Logger, problems: readonly RuleProblem[]): void {
  if (problems.length === 0) return;
  const byRule = new Map(problems.map((problem) => [`${problem.queue} ${problem.rule}`, problem]));
  for (const problem of byRule.values())
    logger.warn({ ...problem }, 'a rule could not be followed; its messages stayed in their queue');
}
