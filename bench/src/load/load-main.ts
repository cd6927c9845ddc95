import { answerQuestions } from '../servers/child-process.ts';
import { consume, type ConsumeRequest } from './consume.ts';
import { type LoadRequest, runLoad } from './run-load.ts';

// The process of devices and consumers without a browser, apart from the server's and from the bench's.

/** What the bench asks it. */
export type LoadQuestion =
  | (LoadRequest & { readonly ask: 'load' })
  | (ConsumeRequest & { readonly ask: 'consume' });

answerQuestions<LoadQuestion>(
  async (question) => (question.ask === 'load' ? runLoad(question) : consume(question)),
  () => undefined,
);
