import { CodedError } from '@fieldpost/protocol';
import type { GatewayStore } from '../ports/gateway-store.ts';

/**
 * A store that tells of its first failure. After an I/O error nobody knows what is on the disk, and a repeated fsync
 * may report success for pages that were dropped: so the process has to end, and recovery to read what is there.
 * Refusals with a code of their own, and errors that a `decide` itself threw, are no failures of the store.
 */
export function guardStore(store: GatewayStore, onFailure: (error: unknown) => void): GatewayStore {
  const watch = <Result>(
    work: Promise<Result>,
    isOwn: (error: unknown) => boolean = () => false,
  ): Promise<Result> =>
    work.catch((error: unknown) => {
      if (!isOwn(error) && !(error instanceof CodedError && EXPECTED_CODES.has(error.code))) onFailure(error);
      throw error;
    });
  return {
    get generation() {
      return store.generation;
    },
    transact(scope, decide) {
      let thrown: { readonly error: unknown } | undefined;
      const work = store.transact(scope, (snapshot) => {
        try {
          return decide(snapshot);
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
      return watch(work, (error) => thrown !== undefined && thrown.error === error);
    },
    receive: (request) => watch(store.receive(request)),
    settle: (request) => watch(store.settle(request)),
    peek: (request) => watch(store.peek(request)),
    listQueues: (now) => watch(store.listQueues(now)),
    getQueue: (name, now) => watch(store.getQueue(name, now)),
    nextVisibleAt: (queue, now) => watch(store.nextVisibleAt(queue, now)),
    listLost: (request) => watch(store.listLost(request)),
    listDevices: (request) => watch(store.listDevices(request)),
    retireEpochs: (request) => watch(store.retireEpochs(request)),
    pruneSends: (before, max) => watch(store.pruneSends(before, max)),
    pruneNotices: (before, max) => watch(store.pruneNotices(before, max)),
    watchNotices: (listener) => store.watchNotices(listener),
    startJob: (job) => watch(store.startJob(job)),
    stepJob: (request) => watch(store.stepJob(request)),
    cancelJob: (id, now) => watch(store.cancelJob(id, now)),
    listJobs: () => watch(store.listJobs()),
    sweep: (now) => watch(store.sweep(now)),
    // A backup that fails concerns its own file.
    backup: (file) => store.backup(file),
    close: () => store.close(),
  };
}

/** What a store answers to a call that was wrong, late, or too much for the disk: it is whole, and so is its data. */
const EXPECTED_CODES: ReadonlySet<string> = new Set([
  'shutting-down',
  'queue-not-found',
  'queue-not-empty',
  'invalid-request',
  'conflict',
  'lease-lost',
  'store-full',
  'store-unavailable',
  'quota-exceeded',
  'too-large',
]);
