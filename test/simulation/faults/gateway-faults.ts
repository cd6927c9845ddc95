import { FAILPOINTS } from '@fieldpost/gateway/testing';
import type { FaultKind } from './fault.ts';

/** So much is forgotten at least. */
const BACKUP_AGE_MS = 6_000;
const YEAR_MS = 365 * 24 * 3_600_000;

/** Faults of the gateways and of the store that they share. */
export const GATEWAY_FAULTS: readonly FaultKind[] = [
  ...FAILPOINTS.map((point): FaultKind => ({
    name: `gateway-killed-at-${point}`,
    about: `A gateway is killed at its failpoint \`${point}\`.`,
    strike: (world) => {
      world.book.arm(`gateway-killed-at-${point}`, 'gateways');
      return 'armed';
    },
  })),
  {
    name: 'gateway-killed',
    about: 'A gateway is killed at any moment.',
    strike: (world, rng) => {
      const { running } = world.gateways;
      if (running.length === 0) return 'not-now';
      rng.pick(running).process.kill();
      return 'fired';
    },
  },
  {
    name: 'gateway-stopped',
    about: 'A gateway is stopped as an operator stops it.',
    strike: (world, rng) => {
      const running = world.gateways.running.filter(({ process }) => process.isRunning);
      if (running.length === 0) return 'not-now';
      rng
        .pick(running)
        .stop()
        .catch(() => undefined);
      return 'fired';
    },
  },
  {
    name: 'gateway-paused',
    about: 'A gateway stands still for longer than sessions and leases last, then goes on.',
    strike: (world, rng) => {
      const running = world.gateways.running.filter(({ process }) => process.isRunning);
      if (running.length === 0) return 'not-now';
      const { process } = rng.pick(running);
      process.freeze();
      world.timeline.schedule(1_000 + rng.below(50_000), () => process.thaw());
      return 'fired';
    },
  },
  {
    name: 'gateway-clock-set',
    about: "A gateway's clock is set by up to a year, forward or back, and set right again after a while.",
    strike: (world, rng) => {
      const clock = rng.pick(world.gateways.clocks);
      clock.jump(rng.chance(0.5) ? rng.below(60_000) - 30_000 : rng.below(2 * YEAR_MS) - YEAR_MS);
      world.timeline.schedule(rng.below(20_000), () => clock.correct());
      return 'fired';
    },
  },
  {
    name: 'store-power-loss',
    about:
      'The machine of all gateways loses its power: of what was being committed only the beginning is done.',
    strike: (world) => {
      const { running } = world.gateways;
      if (running.length === 0) return 'not-now';
      for (const gateway of running) gateway.process.kill();
      return 'fired';
    },
  },
  {
    name: 'store-slow',
    about: 'Commits take seconds for a while.',
    strike: (world, rng) => {
      world.gateways.store.slowDown(3_000 + rng.below(20_000));
      return 'fired';
    },
  },
  {
    name: 'restored-backup',
    about: "The gateways' store is replaced by an older backup of itself, with a new generation.",
    most: 2,
    strike: (world) => {
      const { store, running } = world.gateways;
      if (!store.hasBackup) store.backUp();
      if (!store.hasBackupOlderThan(BACKUP_AGE_MS)) return 'not-now';
      for (const gateway of running) gateway.process.kill();
      store.restore();
      return 'fired';
    },
  },
  armedAtStore('store-call-failed', 'A write fails before its commit, with an error of the disk.'),
  armedAtStore('store-answer-lost', 'A write is committed and reported as failed.'),
  armedAtStore('store-full', 'A write fails because the disk is full.'),
];

function armedAtStore(name: string, about: string): FaultKind {
  return {
    name,
    about,
    strike: (world) => {
      world.book.arm(name, 'store');
      return 'armed';
    },
  };
}
