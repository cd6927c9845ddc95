import type { Rng } from '@fieldpost/protocol';
import type { SimDevice } from '../device/sim-device.ts';
import type { SimTab } from '../device/sim-tab.ts';
import type { World } from '../world.ts';
import type { FaultKind, Strike } from './fault.ts';

const YEAR_MS = 365 * 24 * 3_600_000;

/** Faults of a device's tabs, its disk and its clock. */
export const DEVICE_FAULTS: readonly FaultKind[] = [
  onTab('tab-killed', 'A tab crashes, in the middle of whatever it does.', (_, tab) => tab.process.kill()),
  onTab(
    'tab-frozen',
    'A tab is frozen for a while: it holds its lock and hears nothing.',
    (world, tab, rng) => {
      tab.process.freeze();
      world.timeline.schedule(2_000 + rng.below(60_000), () => tab.process.thaw());
    },
  ),
  onDevice('reloaded', 'All tabs of a device are reloaded at once.', (_, device) => device.reload()),
  onDevice(
    'power-loss',
    'A device loses its power: of what its disk was doing only the beginning is done.',
    (_, device) => device.losePower(),
  ),
  armedOnDevice('crash-before-save', 'A tab crashes while a save is under way; nothing is written.'),
  armedOnDevice('crash-after-save', 'A tab crashes when its save is on disk and nobody was told.'),
  armedOnDevice('commit-unheard', 'A write is on disk and its tab is told that this is not known.'),
  armedOnDevice('storage-call-failed', 'A call of the database fails.'),
  armedOnDevice('token-not-given', 'The app cannot give a token.'),
  armedOnDevice('token-expired', 'The app gives a token that has expired.'),
  armedOnDevice(
    'quota-full',
    "A device's quota is used up for a while, from its next write on: none is done.",
  ),
  {
    name: 'segment-damaged',
    about: 'A stored segment cannot be read any more, sent or not.',
    strike: (world, rng) => {
      const device = rng.pick(world.devices);
      return device.disk.damageOne() ? 'fired' : 'not-now';
    },
  },
  {
    name: 'rolled-back',
    about: "A device's disk is replaced by an older image of itself.",
    strike: (world, rng) => {
      const device = rng.pick(world.devices);
      if (device.images.length === 0) return 'not-now';
      device.goBackTo(rng.pick(device.images));
      return 'fired';
    },
  },
  {
    name: 'cloned',
    about: 'A second device starts with a copy of the disk of the first, present or older; both go on.',
    most: 2,
    strike: (world, rng) => {
      const device = rng.pick(world.devices);
      const [first] = device.images;
      world.clone(
        device,
        first === undefined || rng.chance(0.5) ? device.disk.image() : rng.pick(device.images),
      );
      return 'fired';
    },
  },
  {
    name: 'wiped',
    about: 'A device loses its whole database; local storage remembers that there was one.',
    strike: (world, rng) => {
      const device = rng.pick(world.devices);
      if (device.disk.database.device === undefined) return 'not-now';
      world.wipe(device);
      return 'fired';
    },
  },
  onDevice('clock-set', "A device's clock is set by up to a year, forward or back.", (_, device, rng) => {
    device.wasTamperedWith = true;
    device.wall.jump(rng.chance(0.5) ? rng.below(20_000) - 10_000 : rng.below(2 * YEAR_MS) - YEAR_MS);
  }),
];

function onTab(
  name: string,
  about: string,
  happen: (world: World, tab: SimTab, rng: Rng) => void,
): FaultKind {
  return {
    name,
    about,
    strike: (world, rng): Strike => {
      const tabs = rng.pick(world.devices).running;
      if (tabs.length === 0) return 'not-now';
      happen(world, rng.pick(tabs), rng);
      return 'fired';
    },
  };
}

function onDevice(
  name: string,
  about: string,
  happen: (world: World, device: SimDevice, rng: Rng) => void,
): FaultKind {
  return {
    name,
    about,
    strike: (world, rng): Strike => {
      const device = rng.pick(world.devices);
      if (device.living.length === 0) return 'not-now';
      happen(world, device, rng);
      return 'fired';
    },
  };
}

function armedOnDevice(name: string, about: string): FaultKind {
  return {
    name,
    about,
    strike: (world, rng): Strike => {
      world.book.arm(name, rng.pick(world.devices).name);
      return 'armed';
    },
  };
}
