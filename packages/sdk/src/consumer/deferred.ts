/** A promise that others conclude. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

export function createDeferred<Value>(): Deferred<Value> {
  let conclude: Pick<Deferred<Value>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    conclude = { resolve, reject };
  });
  if (conclude === undefined) throw new TypeError('a promise runs its executor at once');
  return { promise, resolve: conclude.resolve, reject: conclude.reject };
}

/** Something that changes now and then, and that others wait for. */
export class Changes {
  #next: Deferred<undefined> | undefined;

  /** Resolves at the next {@link tell}. */
  wait(): Promise<undefined> {
    this.#next ??= createDeferred<undefined>();
    return this.#next.promise;
  }

  tell(): void {
    this.#next?.resolve(undefined);
    this.#next = undefined;
  }
}
