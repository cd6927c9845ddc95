import type { OutboxEffect, OutboxState } from './outbox-state.ts';

/** Asks for what was saved behind what is known: one listing at a time, and one more if something came meanwhile. */
export function listLog(state: OutboxState): OutboxEffect[] {
  if (state.listing === 'running' || state.listing === 'again') {
    state.listing = 'again';
    return [];
  }
  state.listing = 'running';
  state.listingsBegun++;
  return [{ type: 'list', after: state.knownUpTo }];
}
