import { expect, test } from 'vitest';
import { type CpuProfile, summarise } from './cpu-profile.ts';
import { phaseOf } from './phases.ts';

const frame = { lineNumber: 0, columnNumber: 0 };

test('time goes to the phase of the file, and that of built-in code to its caller', () => {
  const save = 'packages/sdk/src/adapters/indexeddb/save.ts';
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: { ...frame, functionName: '(root)', url: '' }, children: [2, 4] },
      { id: 2, callFrame: { ...frame, functionName: 'saveSegments', url: save }, children: [3] },
      { id: 3, callFrame: { ...frame, functionName: 'put', url: '' } },
      { id: 4, callFrame: { ...frame, functionName: '(idle)', url: '' } },
    ],
    samples: [2, 3, 4, 2],
    timeDeltas: [0, 1000, 2000, 5000],
  };
  const summary = summarise(profile, ({ url }) => url, phaseOf);
  expect(summary).toEqual({
    totalMs: 8,
    phases: [
      { name: '(idle)', milliseconds: 5 },
      { name: 'IndexedDB', milliseconds: 3 },
    ],
    functions: [
      { name: 'put (built in, IndexedDB)', milliseconds: 2 },
      { name: `saveSegments (${save})`, milliseconds: 1 },
    ],
  });
});

test.each([
  ['packages/protocol/src/entries.ts', 'messages: encode, split, ids'],
  ['packages/protocol/src/codec.ts', 'frames: encode, decode, check'],
  ['packages/gateway/src/adapters/sqlite/group-commit.ts', 'SQLite: begin and commit'],
  ['packages/gateway/src/adapters/sqlite/operations/append.ts', 'SQLite: rows'],
  ['packages/gateway/src/core/accept.ts', 'gateway: decisions'],
  ['node_modules/engine.io/node_modules/ws/lib/receiver.js', 'socket'],
])('%s belongs to "%s"', (file, phase) => {
  expect(phaseOf(file)).toBe(phase);
});
