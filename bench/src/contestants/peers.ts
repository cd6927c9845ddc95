import type { Contestant } from './contestant.ts';
import { peerContestant } from './peer.ts';

/** A record and a POST per message, with the durability that browsers give to those who do not ask. */
export const handWritten: Contestant = peerContestant({
  name: 'hand-written',
  what: 'a put per message, an awaited POST per message',
  folder: 'hand-written',
  device: 'relaxed',
  batch: 1,
});

/** The same job by somebody careful. */
export const careful: Contestant = peerContestant({
  name: 'careful hand-written',
  what: 'one transaction of puts, POSTs of 100, insert or ignore',
  folder: 'careful',
  device: 'strict',
  batch: 100,
});

export const workbox: Contestant = peerContestant({
  name: 'Workbox background sync',
  what: 'Queue in a service worker, replayRequests(), a POST per message',
  folder: 'workbox',
  serverOf: 'hand-written',
  worker: true,
  device: 'relaxed',
  batch: 1,
});

/** RxDB's push replication with batches of this size. */
export function rxdb(batch: number): Contestant {
  return peerContestant({
    name: `RxDB, batches of ${batch}`,
    what: 'Dexie storage, push replication over HTTP',
    folder: 'rxdb',
    device: 'relaxed',
    batch,
  });
}

/** The limit of `send`: a strict put per transaction. It shares a server only to get its page from. */
export const barePut: Contestant = {
  ...peerContestant({
    name: 'bare strict put',
    what: 'ready bytes, one put per transaction',
    folder: 'bare-put',
    serverOf: 'hand-written',
    device: 'strict',
    batch: 1,
  }),
  server: 'none',
};

/** The careful one with the browser's default, to show what strictness costs it. */
export const carefulRelaxed: Contestant = peerContestant({
  name: 'careful hand-written, relaxed',
  what: 'the same, with the durability that browsers give to those who do not ask',
  folder: 'careful',
  device: 'relaxed',
  batch: 100,
});
