import * as v from 'valibot';
import { LIMITS } from './limits.ts';
import { wellFormed } from './utf8.ts';

/** One line for people about the first thing a schema did not take, and where: short whatever the input was. */
export function issueText(
  root: string,
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): string {
  const [issue] = issues;
  // The text quotes what was received: its control characters must not reach a log or a terminal.
  const line = `${v.getDotPath(issue) ?? root}: ${issue.message}`.slice(0, LIMITS.detailCharacters);
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
  return wellFormed(line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}'));
}
