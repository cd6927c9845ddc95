import type { Page } from 'playwright-core';
import type { CpuProfile } from './cpu-profile.ts';

const samplingIntervalUs = 200;

/** Profiles the page's main thread while `work` runs. */
export async function profilePage(page: Page, work: () => Promise<unknown>): Promise<CpuProfile> {
  const session = await page.context().newCDPSession(page);
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: samplingIntervalUs });
  await session.send('Profiler.start');
  await work();
  const { profile } = await session.send('Profiler.stop');
  await session.detach();
  return profile;
}
