/** Headers as they are: names without regard to case. The runtime's own check each byte of what our own code has written. */
export class PlainHeaders implements Headers {
  readonly #values = new Map<string, string>();

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init instanceof PlainHeaders) {
      for (const [name, value] of init.#values) this.#values.set(name, value);
      return;
    }
    for (const [name, value] of pairsOf(init)) this.append(name, value);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
  }

  append(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#values.get(key);
    this.#values.set(key, before === undefined ? value : `${before}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  getSetCookie(): string[] {
    return [];
  }

  forEach(visit: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) visit(value, name, this);
  }

  entries(): ArrayIterator<[string, string]> {
    // In the order of the names, as the runtime's.
    return [...this.#values].toSorted(([one], [other]) => (one < other ? -1 : 1)).values();
  }

  keys(): ArrayIterator<string> {
    return [...this].map(([name]) => name).values();
  }

  values(): ArrayIterator<string> {
    return [...this].map(([, value]) => value).values();
  }

  [Symbol.iterator](): ArrayIterator<[string, string]> {
    return this.entries();
  }
}

function pairsOf(init: HeadersInit): Iterable<readonly [string, string]> {
  if (init instanceof Headers) return init.entries();
  if (Array.isArray(init)) return init.map(([name, value]) => [name, value] as const);
  return Object.entries(init).map(([name, value]) => [name, String(value)] as const);
}
