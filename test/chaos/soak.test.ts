import { expect, test } from 'vitest';
import { soakPage } from '../soak/soak-report.ts';
import { soak } from '../soak/soak.ts';

// Twenty seconds of `npm run soak`, and the same with leaks that it has to notice.

const OPTIONS = { minutes: 1 / 3, devices: 12, seed: 'smoke' } as const;
const SHORT = { ...OPTIONS, minutes: 1 / 5, devices: 4 } as const;

test.concurrent('twenty seconds of soak lose nothing and end flat', { timeout: 120_000 }, async () => {
  const result = await soak(OPTIONS);
  expect(result.problems).toEqual([]);
  expect(result.messages).toBeGreaterThan(100);
  expect(result.samples.length).toBeGreaterThan(5);
  expect(Object.keys(result.faults).length, 'kinds of fault').toBeGreaterThan(1);
  expect(soakPage(OPTIONS, result)).toContain('<polyline');
});

test.concurrent.each([
  ['handles', /handles does not end flat/],
  ['rows', /messages left does not end flat/],
] as const)('a leak of %s is noticed', { timeout: 120_000 }, async (plant, problem) => {
  const { problems } = await soak({ ...SHORT, plant });
  expect(problems.join('\n')).toMatch(problem);
});
