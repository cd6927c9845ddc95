import { until } from '../support/until.ts';
import type { SoakStage } from './soak.ts';

/** What goes wrong in a period. The gateway's process lives through all of it: a new one would have forgotten its leaks. */
export interface SoakFault {
  readonly name: string;
  readonly cause: (stage: SoakStage) => Promise<void>;
}

/** Part of the devices that a fault meets. */
const SHARE = 0.3;

export const SOAK_FAULTS: readonly SoakFault[] = [
  { name: 'lines cut', cause: async (stage) => some(stage).forEach(({ proxy }) => proxy.cut()) },
  {
    name: 'lines stalled',
    cause: async (stage) => some(stage).forEach(({ proxy }) => proxy.setMode({ kind: 'stall' })),
  },
  {
    name: 'half open',
    cause: async (stage) => {
      const met = some(stage);
      for (const { proxy } of met) proxy.setMode({ kind: 'half-open' });
      await until(() => met.length === 0 || met.some(({ pending }) => pending > 0), {
        what: 'a device has sent into a half-open line',
      });
      // Then they are noticed at once, so that a period stays short.
      for (const { proxy } of met) proxy.cut();
    },
  },
  {
    name: 'offline',
    cause: async (stage) => {
      for (const { proxy } of some(stage)) {
        proxy.setMode({ kind: 'refuse' });
        proxy.cut();
      }
    },
  },
  {
    name: 'devices restarted',
    cause: async (stage) => {
      await Promise.all(some(stage).map((device) => device.restart()));
    },
  },
  { name: 'quiet', cause: async () => undefined },
];

function some({ devices, rng }: SoakStage): SoakStage['devices'] {
  return devices.filter(() => rng.chance(SHARE));
}
