import type { NotApplicable } from '../canary.ts';

/** Bugs of the list whose feature is not there yet. Each becomes a canary together with its feature. */
export const NOT_APPLICABLE: readonly NotApplicable[] = [
  {
    name: 'cursor-before-message',
    bug: 'a device stores the cursor of its inbox before the message',
    reason: 'there is no inbox yet',
  },
  {
    name: 'inbox-confirmed-before-commit',
    bug: 'a device confirms a message of its inbox before it is committed',
    reason: 'there is no inbox yet',
  },
  {
    name: 'tenant-missing-from-a-query',
    bug: 'a statement forgets to ask whose rows they are',
    reason: 'there are no tenants yet: one store holds the queues of one',
  },
];
