/** A fault that some test really causes. */
export interface Fault {
  readonly title: string;
  readonly part: Part;
  /** How it is caused, in one sentence. */
  readonly means: string;
  /** The file that does it, from the repository's root. */
  readonly test: string;
}

export type Part = 'gateway' | 'disk of the gateway' | 'device' | 'line' | 'clock' | 'stored files';

const FLEET = 'test/chaos/fleet.test.ts';
const STORE = 'test/chaos/sqlite-crash.test.ts';
const TABLET = 'test/chaos/tablet.test.ts';

/** Every fault that is counted, by the name under which its cycles are recorded. */
export const FAULTS = {
  'gateway-kill': {
    title: 'Killed at a random instant, under load',
    part: 'gateway',
    means: 'SIGKILL while devices send and a consumer settles; started again on the same data',
    test: FLEET,
  },
  'gateway-failpoint': {
    title: 'Killed at a chosen place on the way of a message',
    part: 'gateway',
    means: 'SIGKILL to itself at each of the failpoints between parsing a frame and answering it',
    test: FLEET,
  },
  'gateway-stop': {
    title: 'Stopped in order, under load',
    part: 'gateway',
    means: 'SIGTERM and a new start',
    test: FLEET,
  },
  'gateway-power-drop': {
    title: 'Power cut, unsynced writes lost',
    part: 'disk of the gateway',
    means: 'SIGKILL, then every write that was not synced is taken back',
    test: FLEET,
  },
  'gateway-power-torn': {
    title: 'Power cut, unsynced writes torn',
    part: 'disk of the gateway',
    means: 'SIGKILL, then each sector that was not synced is old or new by chance',
    test: FLEET,
  },
  'gateway-disk-full': {
    title: 'Disk full, then room again',
    part: 'disk of the gateway',
    means: 'writes fail with ENOSPC for a while',
    test: FLEET,
  },
  'gateway-sync-fails': {
    title: 'A sync fails, its writes are gone',
    part: 'disk of the gateway',
    means: 'one fdatasync fails with EIO; the gateway ends itself, the power goes',
    test: FLEET,
  },
  'store-kill': {
    title: 'The store alone: killed at a random instant',
    part: 'disk of the gateway',
    means: 'SIGKILL to a process that does nothing but commit',
    test: STORE,
  },
  'store-power': {
    title: 'The store alone: power cut, dropped or torn',
    part: 'disk of the gateway',
    means: 'as above, and unsynced writes are dropped or torn',
    test: STORE,
  },
  'line-faults': {
    title: 'Lines cut, stalled, refused, half open',
    part: 'line',
    means: 'each device behind a TCP proxy of its own that misbehaves in its own way',
    test: FLEET,
  },
  'line-cut': {
    title: 'Line cut after every so many bytes, up and down',
    part: 'line',
    means: 'a delivery is repeated with the connection reset at each place of its bytes',
    test: 'test/e2e/cuts.test.ts',
  },
  'device-restart': {
    title: 'SDK closed and opened again on its database, under load',
    part: 'device',
    means: 'all devices at once',
    test: FLEET,
  },
  'device-restore': {
    title: 'Device put back to an older copy of its database',
    part: 'device',
    means: 'what it had sent comes to life again',
    test: FLEET,
  },
  'device-clone': {
    title: 'Device cloned, both drain',
    part: 'device',
    means: 'a copy of the database is opened beside the original, and both send on',
    test: FLEET,
  },
  'tablet-kill': {
    title: 'Chromium killed',
    part: 'device',
    means: 'SIGKILL to all its processes in mid-work',
    test: TABLET,
  },
  'tablet-crash': {
    title: 'Tab crashed',
    part: 'device',
    means: 'the renderer ends itself; the tab is opened again',
    test: TABLET,
  },
  'tablet-reload': {
    title: 'Page reloaded in mid-work',
    part: 'device',
    means: 'one of two tabs, whichever leads',
    test: TABLET,
  },
  'tablet-power-drop': {
    title: 'Power cut under IndexedDB, unsynced writes lost',
    part: 'device',
    means: 'Chromium killed, then every unsynced write of its database is taken back',
    test: TABLET,
  },
  'tablet-power-torn': {
    title: 'Power cut under IndexedDB, unsynced writes torn',
    part: 'device',
    means:
      'as above, sector by sector; where Chromium gives its database up for it, what waited is gone, and nothing else',
    test: TABLET,
  },
  'tablet-disk-full': {
    title: 'Disk full under IndexedDB, then room again',
    part: 'device',
    means: 'writes of the database fail with ENOSPC for a while',
    test: TABLET,
  },
  'tablet-restore': {
    title: 'Profile put back to an older copy',
    part: 'device',
    means: 'the folder of a closed browser is replaced',
    test: TABLET,
  },
  'tablet-clone': {
    title: 'Profile cloned, all clones drain',
    part: 'device',
    means: 'the folder is copied, and original and copy run at once',
    test: TABLET,
  },
  'tablet-wipe': {
    title: 'Site data cleared under an open tab',
    part: 'device',
    means: 'what was saved and not sent is gone: it must be reported, nothing else may be lost',
    test: TABLET,
  },
  'clock-gateway': {
    title: "Gateway's clock jumps",
    part: 'clock',
    means: 'by 1 second to 10 years, forward and back, while it works or between two starts',
    test: FLEET,
  },
  'clock-device': {
    title: "Devices' clocks jump",
    part: 'clock',
    means: 'by 1 second to 10 years, forward and back, while messages wait',
    test: FLEET,
  },
  'files-gateway': {
    title: "Bits flipped or bytes cut off in the gateway's files",
    part: 'stored files',
    means: 'database or log, while it is stopped: it must refuse, or serve nothing wrong',
    test: 'test/chaos/damaged-store.test.ts',
  },
  'files-tablet': {
    title: "Bits flipped or bytes cut off in Chromium's database",
    part: 'stored files',
    means: 'any file of the database: what arrives is unchanged and there once, what is lost is reported',
    test: 'test/chaos/damaged-profile.test.ts',
  },
  storm: {
    title: 'Gateway killed under 1,000 connected devices',
    part: 'gateway',
    means: 'all come back and deliver',
    test: 'test/chaos/restart-storm.test.ts',
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}
