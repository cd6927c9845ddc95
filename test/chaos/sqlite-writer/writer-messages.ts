/** What the writer is told, on one line. */
export interface WriterOrder {
  readonly file: string;
  readonly seed: string;
  readonly epochs: number;
  readonly logBytesMax: number;
  readonly lockWaitMs?: number;
  /** Keeps calling a store that refuses, as devices do. */
  readonly goesOnAfterErrors?: boolean;
  readonly sabotage?: 'synchronous-normal';
}

/** What the writer says, a line each. Messages are named `EPOCH:NUMBER`. */
export type WriterReport =
  | { readonly type: 'ready' }
  /** What it found in the store: `EPOCH:NUMBER:` of each message, with `damaged` behind it when the body is not its own. */
  | {
      readonly type: 'state';
      readonly accepted: readonly number[];
      readonly present: readonly string[];
      readonly counted: number;
    }
  /** The store acknowledged everything of the epoch up to the number. */
  | { readonly type: 'accepted'; readonly epoch: number; readonly number: number }
  /** Removing these is under way; then: was acknowledged. */
  | { readonly type: 'removing'; readonly names: readonly string[] }
  | { readonly type: 'removed'; readonly names: readonly string[] }
  /** A call failed. */
  | { readonly type: 'refused'; readonly code: string }
  /** The store reported that it failed for good. */
  | { readonly type: 'failure'; readonly code: string }
  /** The store could not be opened. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string };
