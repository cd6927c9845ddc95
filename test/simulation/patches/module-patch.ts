/**
 * A change to one module of the product, made while it is loaded: the files stay as they are. For planted bugs, which the
 * checkers must find, and for probes.
 */
export interface ModulePatch {
  /** The module, from the root of the repository. */
  readonly module: string;
  /** What is replaced. It has to be there exactly once, so that a patch that no longer fits fails the run. */
  readonly find: string | RegExp;
  /** What takes its place; `$&` is what a pattern has found. TypeScript, of the kind that is stripped and not compiled. */
  readonly replace: string;
}
