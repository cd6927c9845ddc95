import type { Checker } from './checker.ts';

/** Nothing of ours threw, ended by itself, or gave a number or an id twice. */
export const faultless: Checker = {
  name: 'faultless',
  about: 'No exception of our own, no consumer that ends by itself, no number or id given twice.',
  check: ({ history }) =>
    history.scandals.filter(({ checker }) => checker !== 'isolation').map(({ detail }) => detail),
};
