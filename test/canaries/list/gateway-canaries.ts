import type { Canary } from '../canary.ts';

const ACCEPT = 'packages/gateway/src/core/accept.ts';
const INTAKE = 'packages/gateway/src/shell/intake.ts';
const ACCEPT_TEST = 'packages/gateway/src/core/accept.test.ts';
const STORES_TEST = 'test/adapters/gateway-stores.test.ts';

/** Bugs in how the gateway takes, keeps and hands out messages. */
export const GATEWAY_CANARIES: readonly Canary[] = [
  {
    name: 'synchronous-normal',
    bug: 'SQLite commits without syncing its log',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/open-database.ts',
        find: "expect(database, 'synchronous', 'FULL', 2);",
        replace: "expect(database, 'synchronous', 'NORMAL', 1);",
      },
    ],
    checks: [{ kind: 'power-loss', when: 'quick', cycles: 40 }],
  },
  {
    name: 'answer-before-commit',
    bug: 'a push is acknowledged when it is decided, before it is committed',
    edits: [
      {
        module: INTAKE,
        find: 'const deciding = store.transact(scopeOfPush(push, device, fatesMax), (snapshot) => {',
        replace: `const result = await store.transact(scopeOfPush(push, device, fatesMax), (snapshot) => ({
        changes: [],
        result: decideAccept(snapshot, push, context).result,
      }));
      const deciding = store.transact(scopeOfPush(push, device, fatesMax), (snapshot) => {`,
      },
      {
        module: INTAKE,
        find: 'const result = await deciding.finally(() => share.release());',
        replace: 'deciding.catch(() => undefined).finally(() => share.release());',
      },
    ],
    checks: [{ kind: 'simulation', when: 'quick', seeds: 30 }],
  },
  {
    name: 'answer-before-commit-in-the-store',
    bug: 'the SQLite store answers the calls of a group before it commits them',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/group-commit.ts',
        find: `      this.#statements.commit.run();
    } catch (error) {`,
        replace: `      for (const call of group) call.answer();
      setImmediate(() => this.#statements.commit.run());
      return;
    } catch (error) {`,
      },
    ],
    checks: [{ kind: 'power-loss', when: 'quick', cycles: 40 }],
  },
  {
    name: 'mark-in-a-second-transaction',
    bug: 'messages are committed first, the high-water mark of their stream afterwards',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/operations/write-change.ts',
        find: '        advance(change);\n',
        replace: `        setImmediate(() => {
          try {
            advance(change);
          } catch {
            // It stands elsewhere by now.
          }
        });
`,
      },
    ],
    checks: [{ kind: 'power-loss', when: 'quick', cycles: 40 }],
  },
  {
    name: 'gaps-accepted',
    bug: 'a number beyond the next one is taken, and what is between is passed over',
    edits: [
      {
        module: ACCEPT,
        find: 'const start = lane.accepted + 1 - run.first;',
        replace: 'const start = Math.max(0, lane.accepted + 1 - run.first);',
      },
    ],
    checks: [
      { kind: 'model', when: 'quick', world: 'network', statesMax: 20_000 },
      { kind: 'simulation', when: 'nightly', seeds: 100 },
    ],
  },
  {
    name: 'refusal-without-its-number',
    bug: 'a refused message does not take its number, and blocks those behind it',
    edits: [
      {
        module: ACCEPT,
        find: `  lane.accepted = fate.number;
  lane.acceptedId = fate.id;
  lane.told.add(type, fate);`,
        replace: '  lane.told.add(type, fate);',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: ACCEPT_TEST },
      { kind: 'simulation', when: 'nightly', seeds: 20 },
    ],
  },
  {
    name: 'refusal-in-one-answer',
    bug: 'a refusal is told in the answer to its push and never again',
    edits: [
      {
        module: 'packages/gateway/src/core/told-fates.ts',
        find: 'this.refusals = [...(row?.refusals ?? [])];',
        replace: 'this.refusals = [];',
      },
    ],
    checks: [
      { kind: 'model', when: 'quick', world: 'refusal', statesMax: 20_000 },
      { kind: 'simulation', when: 'nightly', seeds: 60 },
    ],
  },
  {
    name: 'older-session-still-writes',
    bug: 'a push of a session that a newer one has replaced is taken',
    edits: [
      {
        module: 'packages/gateway/src/core/session-check.ts',
        find: 'if (isSameSession(row.session, session) && row.opening === opening) return undefined;',
        replace: 'return undefined;',
      },
    ],
    checks: [
      { kind: 'model', when: 'quick', world: 'network', statesMax: 20_000 },
      { kind: 'suite', when: 'nightly', project: 'wire', file: 'test/wire/sessions.test.ts' },
    ],
  },
  {
    name: 'conflict-answered-as-success',
    bug: 'a producer who repeats an id with another body hears that all is well',
    edits: [
      {
        module: 'packages/gateway/src/core/produce.ts',
        find: "return isSameContent(first, message.contentHash) ? undefined : 'conflict';",
        replace:
          "return first.sentAt >= 0 || isSameContent(first, message.contentHash) ? undefined : 'conflict';",
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: 'packages/gateway/src/http/routes/send.test.ts',
      },
    ],
  },
  {
    name: 'settle-without-receipt-check',
    bug: 'a message is settled by whoever names its place, with whatever lease (SQLite)',
    edits: [
      {
        module: 'packages/gateway/src/core/hold-state.ts',
        find: 'return hold !== undefined && hold.until > now && hold.token === parts?.token;',
        replace: 'return hold !== undefined && parts !== undefined && hold.until > now;',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'sqlite.*old receipt' },
    ],
  },
  {
    name: 'settle-without-receipt-check-in-memory',
    bug: 'the same in the memory store, on which simulated consumers work',
    edits: [
      {
        module: 'packages/gateway/src/adapters/memory/settle-leases.ts',
        find: 'const isLive = message?.leaseToken === parts?.token && (message?.leasedUntil ?? 0) > now;',
        replace: 'const isLive = (message?.leasedUntil ?? 0) > now;',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'memory.*old receipt' },
    ],
  },
  {
    name: 'lease-never-ends',
    bug: 'an old lease still settles after its end, by a clock that stood still',
    edits: [
      {
        module: 'packages/gateway/src/core/hold-state.ts',
        find: 'return hold !== undefined && hold.until > now && hold.token === parts?.token;',
        replace: 'return hold !== undefined && hold.token === parts?.token;',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'sqlite.*old receipt' },
    ],
  },
  {
    name: 'lease-of-a-wrong-clock-kept',
    bug: 'what was leased under a clock that was years ahead stays leased for years once it is right (SQLite)',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/sqlite-store.ts',
        find: 'if (this.#sweptAt === undefined || now < this.#sweptAt) this.#endLongHolds(now);',
        replace: 'if (now < 0) this.#endLongHolds(now);',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'sqlite.*years ahead' },
    ],
  },
  {
    name: 'lease-of-a-wrong-clock-kept-in-memory',
    bug: 'the same in the memory store, on which simulated consumers work',
    edits: [
      {
        module: 'packages/gateway/src/adapters/memory/memory-store.ts',
        find: 'if (this.#sweptAt === undefined || now < this.#sweptAt) endLongHolds(this.#disk, now);',
        replace: 'if (now < 0) endLongHolds(this.#disk, now);',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'memory.*years ahead' },
      { kind: 'simulation', when: 'nightly', seeds: 150 },
    ],
  },
  {
    name: 'transaction-without-its-settlements',
    bug: 'a transaction sends its messages and leaves its leases unsettled, so that all of it happens again',
    edits: [
      {
        module: 'packages/gateway/src/core/transaction.ts',
        find: "      { type: 'settle', requests: requestsOf(transaction, context.now) },\n",
        replace: '',
      },
    ],
    checks: [
      { kind: 'simulation', when: 'quick', seeds: 10 },
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: 'packages/gateway/src/http/routes/transactions.test.ts',
      },
    ],
  },
  {
    name: 'priorities-upside-down',
    bug: 'the least urgent messages are handed out first (memory store)',
    edits: [
      {
        module: 'packages/gateway/src/adapters/memory/memory-disk.ts',
        find: 'for (const messages of queue.priorities) yield* messages.values();',
        replace: 'for (const messages of queue.priorities.toReversed()) yield* messages.values();',
      },
    ],
    checks: [{ kind: 'simulation', when: 'quick', seeds: 5 }],
  },
  {
    name: 'expired-message-delivered',
    bug: 'a message is handed out after its time to live, because no sweep has come by yet (SQLite)',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/operations/receive.ts',
        find: 'dues.key = message.key AND dues.at <= ?)',
        replace: 'dues.key = message.key AND dues.at <= 0 * ?)',
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: STORES_TEST,
        test: 'sqlite.*more than one sweep',
      },
    ],
  },
  {
    name: 'expired-message-delivered-in-memory',
    bug: 'a message is handed out although its time to live has run out (memory store)',
    edits: [
      {
        module: 'packages/gateway/src/adapters/memory/end-messages.ts',
        find: '  if (dueAt(message, now) > now) return undefined;\n',
        replace: '  if (message.leaseToken === undefined || dueAt(message, now) > now) return undefined;\n',
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: STORES_TEST, test: 'memory.*time to live' },
    ],
  },
  {
    name: 'token-not-checked-again',
    bug: 'a connection goes on under a token that has ended',
    edits: [
      {
        module: 'packages/gateway/src/core/connection.ts',
        find: 'if (now >= state.principal.expiresAt) {',
        replace: "if (state.phase !== 'live' && now >= state.principal.expiresAt) {",
      },
    ],
    checks: [
      { kind: 'suite', when: 'quick', project: 'unit', file: 'packages/gateway/src/core/connection.test.ts' },
      { kind: 'suite', when: 'nightly', project: 'wire', file: 'test/wire/tokens.test.ts' },
    ],
  },
  {
    name: 'batch-stored-in-part',
    bug: 'a transaction that fails half-way leaves what it had written (SQLite)',
    edits: [
      {
        module: 'packages/gateway/src/adapters/sqlite/group-commit.ts',
        find: '      this.#statements.rollbackTo.run();\n',
        replace: '',
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: STORES_TEST,
        test: 'sqlite.*second change that fails',
      },
    ],
  },
  {
    name: 'rejection-nobody-handles',
    bug: 'a failed store leaves a promise of a connection rejected, with nobody to hear it',
    edits: [
      {
        module: 'packages/gateway/src/shell/device-connection.ts',
        find: `      (error: unknown) => {
        this.#ports.logger.error({ error }, 'a frame could not be served');`,
        replace: `      (error: unknown) => {
        Promise.reject(error);
        this.#ports.logger.error({ error }, 'a frame could not be served');`,
      },
    ],
    checks: [
      {
        kind: 'suite',
        when: 'quick',
        project: 'unit',
        file: 'packages/gateway/src/shell/device-connection.test.ts',
        by: 'unhandled rejection',
      },
    ],
  },
];
