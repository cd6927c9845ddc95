/** Everything that can go wrong on a field day. The names stand in the report. */
export type FaultKind = TabletFaultKind | ServerFaultKind;

export type TabletFaultKind =
  /** The tablet has no network: connections are reset and refused while orders are taken. */
  | 'offline'
  /** Open connections live, new ones are refused. Starts with a cut, so that there is a new one. */
  | 'refuse'
  /** Connections are accepted and nothing moves. */
  | 'stall'
  /** Open connections are reset now. */
  | 'cut'
  /** The connection is reset in the middle of what the tablet sends. */
  | 'cut-up'
  /** The connection is reset in the middle of what the gateway answers. */
  | 'cut-down'
  /** Bytes vanish and nobody is told. */
  | 'half-open'
  /** The page is loaded again. */
  | 'reload'
  /** The browser dies of SIGKILL and is started again with the same profile. */
  | 'browser-kill';

export type ServerFaultKind =
  /** The gateway dies of SIGKILL and is started again on the same port and data. */
  | 'gateway-kill'
  /** The gateway dies between committing what a tablet sent and saying so. */
  | 'gateway-kill-before-ack'
  /** The consumer dies of SIGKILL between its own commit and its acknowledgement, and is started again. */
  | 'consumer-kill';

export const TABLET_FAULTS: readonly TabletFaultKind[] = [
  'offline',
  'refuse',
  'stall',
  'cut',
  'cut-up',
  'cut-down',
  'half-open',
  'reload',
  'browser-kill',
];
/** Those that happen as often as the level says; `gateway-kill-before-ack` happens once, at the beginning. */
export const SERVER_FAULTS: readonly ServerFaultKind[] = ['gateway-kill', 'consumer-kill'];

/** How often each fault happened for certain: a refused connection was met, a process is dead. */
export type FaultTally = Readonly<Record<string, number>>;

/** Counts faults that fired. */
export class FaultLog {
  readonly #planned = new Map<FaultKind, number>();
  readonly #fired = new Map<FaultKind, number>();

  plan(kind: FaultKind): void {
    this.#planned.set(kind, (this.#planned.get(kind) ?? 0) + 1);
  }

  fired(kind: FaultKind): void {
    this.#fired.set(kind, (this.#fired.get(kind) ?? 0) + 1);
  }

  tally(): FaultTally {
    return Object.fromEntries([...this.#planned.keys()].map((kind) => [kind, this.#fired.get(kind) ?? 0]));
  }

  /** Faults asked for that did not happen as often as they should have. */
  missed(): readonly { readonly kind: FaultKind; readonly planned: number; readonly fired: number }[] {
    return [...this.#planned]
      .map(([kind, planned]) => ({ kind, planned, fired: this.#fired.get(kind) ?? 0 }))
      .filter(({ planned, fired }) => fired < planned);
  }
}
