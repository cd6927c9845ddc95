import { ManualClock, MemoryDatabase, type SignalBus } from '@fieldpost/sdk/testing';
import { SimLock } from '../simulation/device/sim-lock.ts';
import { ScriptedDevice } from './scripted-device.ts';

/** Two tabs on one outbox: the first one leads. */
export async function twoTabs(
  bus: SignalBus | undefined,
): Promise<{ leader: ScriptedDevice; follower: ScriptedDevice }> {
  const database = new MemoryDatabase();
  const clock = new ManualClock();
  const leaderLock = new SimLock();
  const open = (seed: string): Promise<ScriptedDevice> =>
    ScriptedDevice.open({
      database,
      clock,
      seed,
      connect: { surroundings: { leaderLock } },
      ...(bus === undefined ? {} : { signals: bus.join() }),
    });
  return { leader: await open('leader'), follower: await open('follower') };
}
