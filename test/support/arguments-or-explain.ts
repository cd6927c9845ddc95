/** A wrong argument. Its message is for the person at the keyboard. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `read` makes of the command line. Undefined when there is nothing to run: help was asked for, or an argument is none. */
export function argumentsOrExplain<Arguments>(
  read: () => Arguments | undefined,
  usage: string,
): Arguments | undefined {
  try {
    const given = read();
    if (given === undefined) process.stdout.write(`${usage}\n`);
    return given;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exitCode = 2;
    return undefined;
  }
}
