import type { CloseEpochs } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { deviceId, epochId, session } from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { type CloseEpochsResult, decideCloseEpochs } from './close-epochs.ts';

test('closing starts the retention of an epoch, once', () => {
  const rows = withEpochs();
  close(rows, [1, 1], 1000);
  close(rows, [1], 2000);
  expect(rows.epochs.get(epochId(1))).toEqual({ epoch: epochId(1), subject: 'rep', closedAt: 1000 });
});

test("an unknown epoch and another subject's are passed over", () => {
  const rows = withEpochs();
  expect(close(rows, [2, 3], 1000)).toBeUndefined();
  expect(rows.epochs.get(epochId(2))).toEqual({ epoch: epochId(2), subject: 'other' });
  expect(rows.epochs.has(epochId(3))).toBe(false);
});

test('a fenced session closes nothing', () => {
  const rows = withEpochs();
  expect(close(rows, [1], 1000, session(1, 'bb'))).toMatchObject({
    type: 'fenced',
    reason: 'newer-connection',
  });
  expect(rows.epochs.get(epochId(1))).toEqual({ epoch: epochId(1), subject: 'rep' });
});

function withEpochs(): SampleRows {
  const rows = new SampleRows();
  rows.epochs.set(epochId(1), { epoch: epochId(1), subject: 'rep' });
  rows.epochs.set(epochId(2), { epoch: epochId(2), subject: 'other' });
  return rows;
}

function close(
  rows: SampleRows,
  epochs: readonly number[],
  now: number,
  named = session(1),
): CloseEpochsResult {
  const frame: CloseEpochs = { type: 'close-epochs', session: named, epochs: epochs.map(epochId) };
  const { changes, result } = decideCloseEpochs(rows, frame, { device: deviceId(1), subject: 'rep', now });
  rows.apply(changes);
  return result;
}
