import { StoreError } from '../core/store-error.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';

/** Which calls of a store fail, and how. */
export interface CallFault {
  /** 1 is the first call. */
  readonly at: number;
  readonly lasts: 'once' | 'for-good';
  /**
   * `before`: nothing is done. `after`: everything is done and durable, but the caller is told that it failed, as when
   * the answer is lost on the way.
   */
  readonly when: 'before' | 'after';
}

/** A store of which the n-th call that writes fails. */
export interface FaultyStore extends GatewayStore {
  /** How often the fault struck; a test in which it never did has tested nothing. */
  readonly struck: number;
}

/** Puts a fault between a store and those who use it. Calls that only read are passed on and not counted. */
export function createFaultyStore(store: GatewayStore, fault: CallFault): FaultyStore {
  let calls = 0;
  let struck = 0;

  const perform = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    calls += 1;
    if (fault.lasts === 'once' ? calls !== fault.at : calls < fault.at) return call();
    struck += 1;
    const failure = new StoreError('store-failed', `call ${calls} fails ${fault.when} its work, as told`);
    if (fault.when === 'after') await call();
    throw failure;
  };

  return {
    get generation() {
      return store.generation;
    },
    get struck() {
      return struck;
    },
    transact: (scope, decide) => perform(() => store.transact(scope, decide)),
    receive: (request) => perform(() => store.receive(request)),
    settle: (request) => perform(() => store.settle(request)),
    startJob: (job) => perform(() => store.startJob(job)),
    stepJob: (request) => perform(() => store.stepJob(request)),
    cancelJob: (id, now) => perform(() => store.cancelJob(id, now)),
    listJobs: () => store.listJobs(),
    sweep: (now) => perform(() => store.sweep(now)),
    peek: (request) => store.peek(request),
    listQueues: (now) => store.listQueues(now),
    getQueue: (name, now) => store.getQueue(name, now),
    nextVisibleAt: (queue, now) => store.nextVisibleAt(queue, now),
    listLost: (request) => store.listLost(request),
    listDevices: (request) => store.listDevices(request),
    retireEpochs: (request) => perform(() => store.retireEpochs(request)),
    pruneSends: (before, max) => perform(() => store.pruneSends(before, max)),
    pruneNotices: (before, max) => perform(() => store.pruneNotices(before, max)),
    watchNotices: (listener) => store.watchNotices(listener),
    backup: (file) => store.backup(file),
    close: () => store.close(),
  };
}
