import type { ServerDurability } from '../measure/sample.ts';

/** The name of the gateway in the table. */
export const ours = 'Fieldpost';

/** Whose client a load process uses. */
export type QueueKind = 'fieldpost' | 'bullmq' | 'pg-boss' | 'rabbitmq';

/** Where clients connect to. */
export interface QueueTarget {
  readonly kind: QueueKind;
  readonly url: string;
  /** Empty where nobody asks for one. */
  readonly token: string;
}

/** A queue server that does the job: keep messages durably, lease them, forget those that were acknowledged. */
export interface QueueContestant {
  readonly name: string;
  /** How it is used, in one line for the report. */
  readonly how: string;
  /** What an answer of it survives. */
  readonly durability: ServerDurability;
  /** The server's program, and the npm packages of its client; the gateway needs neither. */
  readonly needs?: ProgramNeed;
  readonly packages: readonly string[];
  /** Starts it on an empty folder, listening on a free port of 127.0.0.1. */
  start(folder: string): Promise<QueueServer>;
}

export interface ProgramNeed {
  readonly debianPackage: string;
  /** The first of these paths that is there; `*` stands for any version, of which the highest counts. */
  readonly paths: readonly string[];
}

export interface QueueServer {
  readonly target: QueueTarget;
  stop(): Promise<void>;
}
