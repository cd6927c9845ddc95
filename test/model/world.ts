import type { MemoryDisk } from '@fieldpost/gateway/testing';
import type { DownFrame, MessageId, UpFrame } from '@fieldpost/protocol';
import type { MemoryDatabase } from '@fieldpost/sdk/testing';
import type { ConnectionState, DeviceState, SeenNumbers, Signal } from './core.ts';

/**
 * One state of a small world: what is on the disks, what is in the memories, what is on the way. Parts are never changed
 * in place: a move makes a world that shares with the one before all that it did not touch.
 */
export interface World {
  readonly setup: WorldSetup;
  /** By device; undefined for a clone that has not been made yet. */
  readonly disks: readonly (MemoryDatabase | undefined)[];
  /** An older copy of the first device's disk. */
  readonly diskImage: MemoryDatabase | undefined;
  readonly tabs: readonly Tab[];
  /** Connections that the device has given up: what it had sent may still arrive. */
  readonly lateLines: readonly LateLine[];
  readonly gateway: Gateway;
  readonly left: Faults;
  /** Messages that apps have sent so far; the next one has this number in `setup.messages`. */
  readonly sent: number;
  /** What a move did that no state shows. */
  readonly mishap: string | undefined;
  /** Sessions and such are told apart by it; it is no part of what a state is. */
  readonly minted: number;
}

/** One start of the SDK on a device's disk. */
export interface Tab {
  readonly name: string;
  readonly disk: number;
  readonly starts: number;
  /** Undefined while it is not running. */
  readonly state: DeviceState | undefined;
  readonly seen: SeenNumbers;
  readonly hasLock: boolean;
  readonly line: Line | undefined;
  /** What other tabs of the device have told it, not yet heard. */
  readonly signals: readonly Signal[];
  /** Transactions of the app that are open: messages sent and not yet committed. */
  readonly open: readonly OpenTransaction[];
}

export interface OpenTransaction {
  readonly message: number;
  /** Drawn already, in a world with that flaw. */
  readonly number: number | undefined;
}

/** A connection of a tab: frames under way and the gateway's end. */
export interface Line {
  readonly isOpen: boolean;
  readonly up: readonly UpFrame[];
  readonly down: readonly DownFrame[];
  readonly gateway: ConnectionState;
}

export interface LateLine {
  readonly up: readonly UpFrame[];
  readonly gateway: ConnectionState;
}

export interface Gateway {
  readonly disk: MemoryDisk;
  /** An older copy of it. */
  readonly image: MemoryDisk | undefined;
  /** The gateway has said aloud that its store went back in time. */
  readonly isAlarmed: boolean;
  readonly wentBack: boolean;
}

/** How often each fault may strike. */
export interface Faults {
  /** A connection breaks; what the device had sent may arrive later or never. */
  readonly cut: number;
  /** A frame is lost and the connection goes on. */
  readonly lose: number;
  readonly double: number;
  /** A frame overtakes those before it. */
  readonly swap: number;
  /** Every tab of a device dies; its disk keeps what was committed. */
  readonly powerLoss: number;
  /** One tab dies, the others go on. */
  readonly tabCrash: number;
  /** The disk of the first device is set back to an older copy. */
  readonly diskRollback: number;
  /** The first device's disk, copied to another device. */
  readonly clone: number;
  /** The gateway's store is set back to an older copy. */
  readonly storeRollback: number;
  /** A transaction of the app is given up. */
  readonly abort: number;
  /** The gateway dies while it takes a push; matters only with flaws. */
  readonly crash: number;
}

export const NO_FAULTS: Faults = {
  cut: 0,
  lose: 0,
  double: 0,
  swap: 0,
  powerLoss: 0,
  tabCrash: 0,
  diskRollback: 0,
  clone: 0,
  storeRollback: 0,
  abort: 0,
  crash: 0,
};

export interface WorldSetup {
  readonly name: string;
  /** What it looks for. */
  readonly about: string;
  /** The messages that apps send, in this order; `refused` ones are too large for their queue. */
  readonly messages: readonly ('plain' | 'refused')[];
  /** The device of each tab. */
  readonly tabs: readonly number[];
  readonly faults: Faults;
  /** Apps open transactions, in which a message is sent before it is committed. */
  readonly transactions: boolean;
  /** How many refusals of a stream one answer tells. */
  readonly fatesMax: number;
  readonly flaws: Flaws;
}

/** Rules of the protocol that can be left out, to see that the model misses them. */
export interface Flaws {
  /** One epoch for the life of a database: number at most `accepted` means duplicate, whoever sends it. */
  readonly oneEpoch?: true;
  /** Answers do not say which message they accepted. */
  readonly answersWithoutId?: true;
  /** The number is drawn when a transaction begins, not inside its write. */
  readonly numberBeforeSave?: true;
  /** Runs do not name their predecessor in another epoch. */
  readonly noAfter?: true;
  /** A refusal stands in the one answer to its push and nowhere else. */
  readonly refusalInOneAnswer?: true;
  /** A start gives the messages that wait new numbers in its own epoch. */
  readonly renumberAtStart?: true;
  /** A number beyond the next one is taken. */
  readonly gapsAccepted?: true;
  /** Messages and mark are written one after the other, and a crash may come between. */
  readonly markAfterMessages?: true;
  /** The answer leaves before the commit, and a crash may come between. */
  readonly answerBeforeCommit?: true;
  /** A hello names only streams with something that waits. */
  readonly settledStreamsUnnamed?: true;
  /** The gateway does not look whose session a push names. */
  readonly noSessionCheck?: true;
}

export const LANE = { queue: 'orders', priority: 3 } as const;
const REFUSED_BODY_BYTES = 2;
export const BODY_BYTES_MAX = 1;

/** The id of a message; its last digits are its number. */
export function idOf(message: number): MessageId {
  return `00000000-0000-7000-8000-${String(message).padStart(12, '0')}` as MessageId;
}

/** The bytes of a message's body. */
export function bodyOf(setup: WorldSetup, message: number): Uint8Array {
  return new Uint8Array(setup.messages[message] === 'refused' ? REFUSED_BODY_BYTES : 1);
}

/** What people call a message: `m1`. */
export function nameOf(id: string): string {
  return `m${Number(id.slice(-12)) + 1}`;
}
