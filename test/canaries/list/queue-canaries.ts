import type { Canary, Check } from '../canary.ts';

const CORE = 'packages/gateway/src/core';
const SQLITE = 'packages/gateway/src/adapters/sqlite';

/** A check of the suite that every store passes, of the SQLite store alone. */
function storeSuite(test: string): Check {
  const file = 'test/adapters/gateway-stores.test.ts';
  return { kind: 'suite', when: 'quick', project: 'unit', file, test: `sqlite.*${test}` };
}

function unitTest(file: string): Check {
  return { kind: 'suite', when: 'quick', project: 'unit', file };
}

const TRANSACTIONS_TEST = 'packages/gateway/src/http/routes/transactions.test.ts';

/** Bugs in what a queue promises beside taking messages: order, terms, groups, fates, jobs, rules, transactions. */
export const QUEUE_CANARIES: readonly Canary[] = [
  {
    name: 'transaction-settles-and-does-not-send',
    bug: 'a transaction acknowledges its leases and forgets what it was to send',
    edits: [
      {
        module: `${CORE}/transaction.ts`,
        find: '      ...produced.changes,\n',
        replace: "      ...produced.changes.filter(({ type }) => type !== 'append'),\n",
      },
    ],
    checks: [
      unitTest(TRANSACTIONS_TEST),
      {
        kind: 'suite',
        when: 'nightly',
        project: 'chaos',
        file: 'test/chaos/order-workflow.test.ts',
        test: 'without any faults',
      },
    ],
  },
  {
    name: 'transaction-with-a-lost-lease',
    bug: 'a transaction sends although one of its leases was over',
    edits: [
      {
        module: `${CORE}/transaction.ts`,
        find: 'if (!snapshot.leases.has(leaseKeyText(queue, settlement.receipt)))',
        replace: 'if (snapshot.leases.size === 0)',
      },
      {
        module: 'packages/gateway/src/adapters/memory/apply-change.ts',
        find: ' throw leaseLost(queue, receipt);',
        replace: ' continue;',
      },
    ],
    checks: [unitTest(TRANSACTIONS_TEST)],
  },
  {
    name: 'transaction-in-part',
    bug: 'a store settles those leases of a transaction that are live, and writes the rest',
    edits: [
      {
        module: `${SQLITE}/operations/write-change.ts`,
        find: '    if (lost !== undefined) throw leaseLost(request.queue, lost.receipt);\n',
        replace: '',
      },
    ],
    checks: [storeSuite('lost lease in the second queue')],
  },
  {
    name: 'transaction-in-two',
    bug: 'a transaction commits what it sends first, and settles its leases afterwards',
    edits: [
      {
        module: `${SQLITE}/operations/write-change.ts`,
        find: '        settleAll(settle, change.requests);\n',
        replace: `        setImmediate(() => {
          try {
            settleAll(settle, change.requests);
          } catch {
            // Nobody hears of it any more.
          }
        });
`,
      },
    ],
    checks: [
      storeSuite('settles in several queues'),
      {
        kind: 'suite',
        when: 'nightly',
        project: 'unit',
        file: 'test/adapters/gateway-stores.test.ts',
        test: 'faults: sqlite.*queues: io-error once, after',
      },
    ],
  },
  {
    name: 'transaction-not-remembered',
    bug: 'a transaction that is repeated after a lost answer is told that its lease is lost',
    edits: [
      {
        module: `${CORE}/transaction.ts`,
        find: "      { type: 'put-send', queue: memory.queue, row },\n",
        replace: '',
      },
    ],
    checks: [
      unitTest(TRANSACTIONS_TEST),
      {
        kind: 'suite',
        when: 'nightly',
        project: 'unit',
        file: 'test/consumer/completing.test.ts',
        test: 'an answer that was cut off',
      },
    ],
  },
  {
    name: 'priority-ignored',
    bug: 'messages are handed out in order of arrival, whatever their priority',
    edits: [
      {
        module: `${SQLITE}/operations/insert-messages.ts`,
        find: 'isFifo ? LIMITS.priorityDefault : priority) +',
        replace: 'isFifo || priority >= 0 ? LIMITS.priorityDefault : priority) +',
      },
    ],
    checks: [storeSuite('highest priority first')],
  },
  {
    name: 'two-of-one-group',
    bug: 'two messages of one group are handed out at once',
    edits: [
      {
        module: `${SQLITE}/operations/groups.ts`,
        find: 'return first !== undefined;',
        replace: 'return first !== undefined && first.key < 0;',
      },
    ],
    checks: [storeSuite('one message of each group')],
  },
  {
    name: 'redrive-drops',
    bug: 'a redrive takes dead letters out and puts them nowhere',
    edits: [
      {
        module: `${SQLITE}/operations/jobs.ts`,
        find: 'if (target === undefined) ending.end(',
        replace: "if (target === undefined || job.kind === 'redrive') ending.end(",
      },
    ],
    checks: [storeSuite('redrive brings dead letters back')],
  },
  {
    name: 'quota-not-checked',
    bug: 'a full queue takes more',
    edits: [
      {
        module: `${CORE}/queue-room.ts`,
        find: 'return isFull && messages > 1 ? FULL : undefined;',
        replace: 'return isFull && messages < 0 ? FULL : undefined;',
      },
    ],
    checks: [unitTest(`${CORE}/accept-terms.test.ts`), storeSuite('full queue takes no more')],
  },
  {
    name: 'deliveries-without-end',
    bug: 'a message that nobody can consume is handed out for ever',
    edits: [
      {
        module: `${CORE}/failed-delivery.ts`,
        find: 'if (deliveries >= queue.maxDeliveries) return',
        replace: 'if (deliveries < 0) return',
      },
    ],
    checks: [storeSuite('behind the last delivery comes none')],
  },
  {
    name: 'delay-ignored',
    bug: 'a message is visible before its delay has passed',
    edits: [
      {
        module: `${CORE}/delivery-terms.ts`,
        find: 'const isDelayed = deliverAfterMs > 0 && visibleAt > now;',
        replace: 'const isDelayed = deliverAfterMs < 0 && visibleAt > now;',
      },
    ],
    checks: [unitTest(`${CORE}/accept-terms.test.ts`)],
  },
  {
    name: 'delay-ignored-in-the-store',
    bug: 'the SQLite store forgets that a message is to be held back',
    edits: [
      {
        module: `${SQLITE}/operations/insert-messages.ts`,
        find: 'return (queue, key, bytes, { visibleAt = 0, expiresAt, groupId }) => {',
        replace: 'return (queue, key, bytes, { expiresAt, groupId }) => {\n    const visibleAt = 0;',
      },
    ],
    checks: [storeSuite('nobody sees a message before its delay')],
  },
  {
    name: 'rules-in-a-circle',
    bug: 'rules that lead back to a queue put the message there again',
    edits: [
      {
        module: `${CORE}/route-arrival.ts`,
        find: '  if (seen.has(rule.to)) return undefined;\n',
        replace: '  seen.delete(rule.to);\n',
      },
    ],
    checks: [unitTest(`${CORE}/route-arrival.test.ts`)],
  },
];
