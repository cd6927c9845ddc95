/** What a proxy does with connections. Only one at a time; `pass` ends what holds, never what was lost. */
export type ProxyMode =
  /** Hands everything on. */
  | { readonly kind: 'pass' }
  /** New connections are reset at once; open ones go on. */
  | { readonly kind: 'refuse' }
  /** New connections are accepted and nothing moves on any, until the mode changes. */
  | { readonly kind: 'stall' }
  /** Everything read is thrown away and nobody is told; a connection that met this never works again. */
  | { readonly kind: 'half-open' }
  /** Once that many more bytes went through in one direction, that connection is reset; then passes again. */
  | CutAfter;

interface CutAfter {
  readonly kind: 'cut-after';
  readonly direction: Direction;
  bytes: number;
}

/** `up` is from the client to the target. */
export type Direction = 'up' | 'down';

/** Faults that met a connection, by kind. A mode that nobody ran into counts nothing. */
export interface FaultCounts {
  refuse: number;
  stall: number;
  'half-open': number;
  /** Connections reset by a call of `cut`. */
  cut: number;
  'cut-after-up': number;
  'cut-after-down': number;
}

export function createFaultCounts(): FaultCounts {
  return { refuse: 0, stall: 0, 'half-open': 0, cut: 0, 'cut-after-up': 0, 'cut-after-down': 0 };
}
