import type { LoadTarget } from '../load/load-device.ts';

/** A server as devices without a browser see it. */
export interface IntakeContestant {
  readonly name: string;
  readonly what: string;
  readonly server: 'FULL';
  start(folder: string): Promise<IntakeServer>;
}

export interface IntakeServer {
  readonly target: LoadTarget;
  /** How many messages are stored. */
  stored(): Promise<number>;
  stop(): Promise<void>;
}
