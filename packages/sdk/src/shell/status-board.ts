import type { Problem, Status, StatusSnapshot, StorageState } from '../api/status.ts';
import type { DeviceState } from '../core/device/device-state.ts';
import { isOnline, isSendingAgain } from '../core/device/device.ts';
import { oldestSavedAt } from '../core/outbox/outbox.ts';
import { pendingMessages } from '../core/outbox/skips.ts';
import type { Clock } from '../ports/clock.ts';

const WENT_BACK =
  'the gateway has forgotten messages that it had acknowledged, as when it is restored from a backup; they are sent again';

/** Shows how the outbox stands to those who watch. */
export class StatusBoard implements Status {
  readonly #clock: Clock;
  readonly #listeners = new Set<(snapshot: StatusSnapshot) => void>();
  readonly #problems = new Map<string, Problem>();
  #snapshot: StatusSnapshot = {
    pending: 0,
    bytes: 0,
    oldestAgeMs: undefined,
    deadLetters: 0,
    online: false,
    state: 'standby',
    storage: 'ready',
    problems: [],
  };
  #deadLetters = 0;
  #storage: StorageState = 'ready';
  #sessionProblem: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(): StatusSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: (snapshot: StatusSnapshot) => void): () => void {
    // A wrapper, so that the same function may subscribe twice and leave once.
    const entry = (snapshot: StatusSnapshot): void => listener(snapshot);
    this.#listeners.add(entry);
    this.#tell(entry);
    return () => this.#listeners.delete(entry);
  }

  /** A problem that stays until {@link solve}. */
  report(code: string, detail: string): void {
    const known = this.#problems.get(code);
    if (known?.detail === detail) return;
    this.#problems.set(code, { code, detail, since: known?.since ?? this.#clock.wallMs() });
  }

  solve(code: string): void {
    this.#problems.delete(code);
  }

  setStorage(storage: StorageState): void {
    this.#storage = storage;
  }

  setDeadLetters(count: number): void {
    this.#deadLetters = count;
  }

  /** Shows the state of the machine, and tells the listeners if anything changed. */
  show(device: DeviceState): void {
    this.#showSessionProblem(device);
    if (isSendingAgain(device)) this.report('gateway-went-back', WENT_BACK);
    else this.solve('gateway-went-back');
    const { outbox } = device;
    const oldest = oldestSavedAt(outbox);
    const next: StatusSnapshot = {
      pending: pendingMessages(outbox),
      bytes: outbox.waitingBytes,
      oldestAgeMs: oldest === undefined ? undefined : Math.max(0, this.#clock.wallMs() - oldest),
      deadLetters: this.#deadLetters,
      online: isOnline(device) || (!device.isLeading && device.onlineElsewhere),
      state: connectionState(device),
      storage: this.#storage,
      problems: [...this.#problems.values()],
    };
    if (isSame(next, this.#snapshot)) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  #showSessionProblem(device: DeviceState): void {
    const { problem } = device.session;
    if (this.#sessionProblem !== undefined && this.#sessionProblem !== problem?.code)
      this.solve(this.#sessionProblem);
    this.#sessionProblem = problem?.code;
    if (problem !== undefined) this.report(problem.code, problem.detail);
  }

  #tell(listener: (snapshot: StatusSnapshot) => void): void {
    try {
      listener(this.#snapshot);
    } catch (error) {
      // The app's mistake: shown where the browser shows such, and no reason to stop delivering.
      if (typeof reportError === 'function') reportError(error);
      else this.report('internal', `a status listener threw: ${String(error)}`);
    }
  }
}

function connectionState(device: DeviceState): StatusSnapshot['state'] {
  if (device.isClosed) return 'closed';
  switch (device.session.phase.kind) {
    case 'stopped':
      return 'stopped';
    case 'live':
      return 'online';
    case 'waiting':
      return 'waiting';
    case 'asking':
    case 'connecting':
    case 'greeting':
      return 'connecting';
    case 'idle':
      return device.isLeading ? 'connecting' : 'standby';
  }
}

/** Whether two snapshots say the same; the age alone moves all the time and is news to nobody. */
function isSame(one: StatusSnapshot, other: StatusSnapshot): boolean {
  return (
    one.pending === other.pending &&
    one.bytes === other.bytes &&
    one.deadLetters === other.deadLetters &&
    one.online === other.online &&
    one.state === other.state &&
    one.storage === other.storage &&
    (one.oldestAgeMs === undefined) === (other.oldestAgeMs === undefined) &&
    one.problems.length === other.problems.length &&
    one.problems.every((problem, index) => problem === other.problems[index])
  );
}
