import type { Canary } from '../canary.ts';

const SAVER = 'packages/sdk/src/shell/saver.ts';
const OUTBOX = 'packages/sdk/src/core/outbox';

/** Bugs in how a device numbers, saves, pushes and forgets. */
export const DEVICE_CANARIES: readonly Canary[] = [
  {
    name: 'indexeddb-relaxed',
    bug: 'saves are confirmed before they are on disk (the durability that IndexedDB has by default)',
    edits: [
      {
        module: 'packages/sdk/src/adapters/indexeddb/transact.ts',
        find: "const transaction = db.transaction(stores, 'readwrite', { durability });",
        replace: "const transaction = db.transaction(stores, 'readwrite', { durability: 'relaxed' });",
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'nightly',
        project: 'browser',
        file: 'test/browser/indexeddb-outbox.browser.test.ts',
        test: 'durability',
      },
      {
        kind: 'suite',
        when: 'nightly',
        project: 'chaos',
        file: 'test/chaos/tablet.test.ts',
        test: 'tablet-power-drop',
        cycles: { variable: 'TABLET_CYCLES', count: 10 },
      },
    ],
  },
  {
    name: 'disk-confirms-unwritten',
    bug: 'the same on simulated disks: what is confirmed is not yet written',
    edits: [],
    checks: [{ kind: 'simulation', when: 'quick', seeds: 30, deviceDurability: 'relaxed' }],
  },
  {
    name: 'one-epoch',
    bug: 'every start numbers in the same epoch, so that a clone or a restored disk gives old numbers again',
    edits: [
      {
        module: 'packages/sdk/src/shell/fieldpost-client.ts',
        find: 'const epoch = mint.epoch();',
        replace: "const epoch = device.replaceAll('-', '') as ReturnType<Mint['epoch']>;",
      },
    ],
    checks: [{ kind: 'simulation', when: 'quick', seeds: 30 }],
  },
  {
    name: 'trim-by-counter-only',
    bug: 'a device forgets all up to the accepted number without comparing which message that is',
    edits: [
      {
        module: `${OUTBOX}/hear-answers.ts`,
        find: 'return answer.acceptedId !== ZERO_ID && answer.acceptedId !== messageIdOf(message);',
        replace: 'return false;',
      },
    ],
    checks: [{ kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/answers.test.ts' }],
  },
  {
    name: 'renumber-after-restart',
    bug: 'a start sends what waits from earlier starts as if it were of its own epoch',
    edits: [
      {
        module: 'packages/sdk/src/core/device/device.ts',
        find: '        const { runs } = effect;\n',
        replace: `        const runs = effect.runs.map((run) => ({ ...run, epoch: state.epoch }));\n`,
      },
    ],
    checks: [
      { kind: 'model', when: 'quick', world: 'power-loss', statesMax: 20_000 },
      { kind: 'simulation', when: 'nightly', seeds: 20 },
    ],
  },
  {
    name: 'number-before-save',
    bug: 'numbers are drawn before the write, and an aborted one does not give them back',
    edits: [
      {
        module: SAVER,
        find: 'return await this.#store.save(epoch, (tail) => planSave(epoch, tail, drafts, this.#seen, write));',
        replace: `return await this.#store.save(epoch, (tail) => (tail?.writes.some((recent) => recent.write === write) === true ? planSave(epoch, tail, drafts, {}, write) : planned));`,
      },
      {
        module: SAVER,
        find: '    const write = this.#mint.uuid();\n',
        replace: `    const write = this.#mint.uuid();
    const planned = planSave(epoch, { epoch, lanes: { ...this.#seen }, writes: [] }, drafts, {}, write);
    if (planned.type === 'write')
      for (const { stream, first, count } of planned.segments) this.#seen[laneText(stream)] = first + count - 1;
`,
      },
    ],
    checks: [{ kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/sending.test.ts' }],
  },
  {
    name: 'no-after',
    bug: 'runs do not name their predecessor in another epoch, so that a later start overtakes an earlier one',
    edits: [
      {
        module: `${OUTBOX}/build-push.ts`,
        find: '  if (from > segment.key.first) return undefined;\n',
        replace: '  if (from > 0) return undefined;\n',
      },
    ],
    checks: [
      { kind: 'simulation', when: 'nightly', seeds: 200 },
      { kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/pushing.test.ts' },
      { kind: 'model', when: 'quick', world: 'lost-between-epochs', statesMax: 20_000 },
    ],
  },
  {
    name: 'cancelled-after-delivery',
    bug: 'a message that may have been delivered is told as cancelled',
    edits: [
      {
        module: `${OUTBOX}/plan-cancel.ts`,
        find: 'const isUnsent = parts.every(({ position }) => position > offered);',
        replace: 'const isUnsent = parts.every(({ position }) => position > 0 * offered);',
      },
    ],
    checks: [{ kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/taking-back.test.ts' }],
  },
  {
    name: 'clock-jump-expires-the-outbox',
    bug: 'a clock that jumps makes a device expire what waits',
    edits: [
      {
        module: `${OUTBOX}/age.ts`,
        find: '  if (savedAt < before.timeMs || savedAt > after.timeMs) return Math.floor(knownMs);\n',
        replace: '',
      },
    ],
    checks: [{ kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/expiry.test.ts' }],
  },
  {
    name: 'idle-journal-not-offered',
    bug: 'a device with nothing to send does not offer its journal after the store went back',
    edits: [
      {
        module: 'packages/sdk/src/core/device/naming.ts',
        find: '  const settled = all.filter((stream) => !waits(stream) && isKnown(stream));',
        replace: '  const settled: Stream[] = [];',
      },
    ],
    checks: [
      { kind: 'model', when: 'quick', world: 'store-rollback', statesMax: 20_000 },
      { kind: 'simulation', when: 'nightly', seeds: 40 },
    ],
  },
  {
    name: 'answer-before-the-log-is-listed',
    bug: 'a leader takes an answer about messages of another tab that it has not listed yet, without their refusals',
    edits: [
      {
        module: `${OUTBOX}/hear-answers.ts`,
        find: 'if (answer.accepted > lastKnown(stream) && !isLogListed(state, stream)) {',
        replace: 'if (answer.accepted < 0 && !isLogListed(state, stream)) {',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/answers.test.ts' },
      { kind: 'simulation', when: 'nightly', seeds: 300 },
    ],
  },
  {
    name: 'doubled-ack-counted-for-the-next-push',
    bug: 'an ack that came twice answers a push that it does not speak of, which then waits for ever',
    edits: [
      {
        module: `${OUTBOX}/hear-answers.ts`,
        find: 'if (streams.size > 0 && isDecided) rewindForGap(state, lane, moment);',
        replace: 'if (streams.size < 0 && isDecided) rewindForGap(state, lane, moment);',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: 'test/delivery/answers.test.ts' },
      { kind: 'simulation', when: 'nightly', seeds: 300 },
    ],
  },
  {
    name: 'lease-by-the-wall-clock',
    bug: "a tab waits for the end of another's lease by a clock that may be years ahead",
    edits: [
      {
        module: 'packages/sdk/src/core/leadership/leadership.ts',
        find: 'return wait(state, Math.min(Math.max(lease.until - moment.wallMs, 100), LEASE_MS), moment);',
        replace: 'return wait(state, Math.max(lease.until - moment.wallMs, 100), moment);',
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: 'packages/sdk/src/core/leadership/leadership.test.ts',
      },
      { kind: 'simulation', when: 'nightly', seeds: 200 },
    ],
  },
];
