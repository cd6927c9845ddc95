import { answerQuestions } from '../servers/child-process.ts';
import type { QueueTarget } from './queue-contestant.ts';
import { type ConsumeRequest, type EnqueueRequest, QueueLoad } from './queue-load.ts';

// The process of producers and consumers, apart from the server's and from the bench's.

/** What the bench asks it. */
export type QueueQuestion =
  | { readonly ask: 'connect'; readonly target: QueueTarget; readonly seed: number }
  | { readonly ask: 'count' }
  | (EnqueueRequest & { readonly ask: 'enqueue' })
  | (ConsumeRequest & { readonly ask: 'consume' });

let load: QueueLoad | undefined;

answerQuestions<QueueQuestion>(
  async (question) => {
    if (question.ask === 'connect') {
      load = await QueueLoad.connect(question.target, question.seed);
      return load.describe();
    }
    if (load === undefined) throw new Error('not connected');
    if (question.ask === 'count') return load.count();
    return question.ask === 'enqueue' ? load.enqueue(question) : load.consume(question);
  },
  () => undefined,
);
