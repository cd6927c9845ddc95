import type { DeviceSettings } from '../browser/device.ts';
import type { Stored } from '../servers/sqlite-full.ts';

/** What is measured: Fieldpost, a peer, or a limit. */
export interface Contestant {
  readonly name: string;
  /** One line for the report. */
  readonly what: string;
  /** What a save on the device, and an answer of the server, survives. */
  readonly device: 'strict' | 'relaxed';
  readonly server: 'FULL' | 'none';
  /** Messages in one request, where there is the choice. */
  readonly batch: number;
  /** Builds its page, once. */
  prepare(folder: string): Promise<void>;
  /** Starts its server on an empty folder. */
  startServer(folder: string): Promise<ContestantServer>;
}

/** A contestant's server, for one run. */
export interface ContestantServer {
  /** The port that carries messages: the bench may put a proxy before it. */
  readonly port: number;
  /** What a page needs to know when messages go to this port of 127.0.0.1. */
  address(port: number): ServerAddress;
  /** Lets the server be reached, when until now it was not. */
  comeOnline(): Promise<void>;
  stored(): Promise<Stored>;
  stop(): Promise<void>;
}

export interface ServerAddress extends Pick<DeviceSettings, 'server' | 'token'> {
  readonly pageUrl: string;
}
