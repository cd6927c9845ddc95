/** What a tablet's page tells of itself. */
export interface TabletState {
  /** Orders saved and noted down in its order book. */
  readonly position: number;
  readonly pending: number;
  readonly deadLetters: number;
  /** The SDK's word for how the connection stands. */
  readonly connection: string;
  readonly problems: readonly string[];
}

/** What a page asks for before it starts. */
export interface TabletConfig {
  readonly tablet: string;
  readonly gateway: string;
  readonly queue: string;
  readonly transport: 'socket' | 'http';
}

/** The answer to "what next": orders to take, in this order; none yet; or none any more. */
export interface NextOrders {
  readonly orders: readonly { readonly id: string; readonly body: unknown }[];
}

/** @throws Error for anything else */
export function readTabletState(value: unknown): TabletState {
  if (typeof value !== 'object' || value === null) throw new Error('no state');
  const problems: unknown = Reflect.get(value, 'problems');
  return {
    position: count(value, 'position'),
    pending: count(value, 'pending'),
    deadLetters: count(value, 'deadLetters'),
    connection: String(Reflect.get(value, 'connection')),
    problems: Array.isArray(problems) ? problems.map(String) : [],
  };
}

function count(value: object, name: string): number {
  const found: unknown = Reflect.get(value, name);
  if (typeof found !== 'number' || !Number.isSafeInteger(found)) throw new Error(`no ${name}`);
  return found;
}
