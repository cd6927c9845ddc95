import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HazardStage, numbered, send, untilStatus } from '../../support/hazard-stage.ts';

// Hazard 4: a profile goes back in time, or there are two of it.

let stage: HazardStage;
beforeAll(async () => {
  stage = await HazardStage.start();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

test('hazard 4: a profile restored to before its last deliveries loses and doubles nothing that it sends afterwards', async () => {
  const tablet = await stage.tablet();
  const [first, second, third] = [numbered('first', 5), numbered('second', 5), numbered('third', 5)];
  await sendAndClose(first);
  const backup = stage.keep(tablet.copy());
  await tablet.start();
  await sendAndClose(second);
  tablet.restore(backup);
  await tablet.start();
  await sendAndClose(third);
  await stage.expectDelivered('restored', [...first, ...second, ...third], 'in order');

  async function sendAndClose(bodies: readonly string[]): Promise<void> {
    const page = await stage.connectedTab(tablet);
    await send(page, 'restored', bodies);
    await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
    await tablet.close();
  }
});

test('hazard 4: messages that come back to life with an old profile are not delivered again', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  const waiting = numbered('waiting', 20);
  await send(page, 'revived', waiting);
  await tablet.close();
  const backup = stage.keep(tablet.copy());
  stage.goOnline();
  for (let round = 0; round < 2; round++) {
    await tablet.start();
    const again = await stage.connectedTab(tablet);
    await untilStatus(again, 'all is settled', ({ pending, online }) => online && pending === 0);
    await tablet.close();
    await stage.expectDelivered('revived', waiting, 'in order');
    tablet.restore(backup);
  }
});

test('hazard 4: two clones of a profile that drain at once deliver what both hold once, and what each adds', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  const shared = numbered('shared', 50);
  await send(page, 'cloned', shared);
  await tablet.close();
  const clone = stage.keep(tablet.copy());
  await Promise.all([tablet.start(), clone.start()]);
  const [one, two] = await Promise.all([stage.connectedTab(tablet), stage.connectedTab(clone)]);
  const [ofOne, ofTwo] = [numbered('one', 20), numbered('two', 20)];
  await Promise.all([send(one, 'cloned', ofOne), send(two, 'cloned', ofTwo)]);
  stage.goOnline();
  await stage.expectDelivered('cloned', [...shared, ...ofOne, ...ofTwo], 'in any order');
  const bodies = await stage.bodiesAt('cloned');
  for (const own of [ofOne, ofTwo, shared]) {
    expect(bodies.filter((body) => own.includes(String(body)))).toEqual(own);
  }
});
