import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A child process that answers one question at a time over its own channel. It ends when this process does. */
export interface AskedProcess {
  ask<Answer>(question: object): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a file of ours; `nodeOptions` come before it. */
export function startAsked(file: string, nodeOptions: readonly string[] = []): AskedProcess {
  const execArgv = ['--conditions=@fieldpost/source', ...nodeOptions];
  const child = fork(file, {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  return {
    async ask<Answer>(question: object): Promise<Answer> {
      const ended = exited.then(([code]) => {
        throw new Error(`${file} ended with ${String(code)} while it was asked ${JSON.stringify(question)}`);
      });
      const answered = once(child, 'message');
      child.send(question);
      const [reply] = (await Promise.race([answered, ended])) as [{ answer: Answer; error?: string }];
      if (reply.error !== undefined) throw new Error(reply.error);
      return reply.answer;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The other side: answers questions until the channel closes, then calls `close` and ends. */
export function answerQuestions<Question>(answer: (question: Question) => unknown, close: () => void): void {
  process.on('message', (question) => {
    Promise.resolve()
      .then(async () => answer(question as Question))
      .then(
        (value) => process.send?.({ answer: value }),
        (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
      );
  });
  process.on('disconnect', () => {
    close();
    process.exit(0);
  });
}
