/** How many live connections there may be. */
export interface ConnectionLimits {
  /** Of all devices. */
  readonly connectionsMax: number;
  /** Of devices whose tokens speak for one subject. */
  readonly connectionsPerSubjectMax: number;
}

/** Who is connected: one subject may not take the places of all others. */
export class Places {
  readonly #limits: ConnectionLimits;
  readonly #bySubject = new Map<string, number>();
  #taken = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Takes a place for a connection. Returns the way to give it back, or undefined when none is left. */
  take(subject: string): (() => void) | undefined {
    const { connectionsMax, connectionsPerSubjectMax } = this.#limits;
    const ofSubject = this.#bySubject.get(subject) ?? 0;
    if (this.#taken >= connectionsMax || ofSubject >= connectionsPerSubjectMax) return undefined;
    this.#taken++;
    this.#bySubject.set(subject, ofSubject + 1);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#leave(subject);
    };
  }

  #leave(subject: string): void {
    this.#taken--;
    const left = (this.#bySubject.get(subject) ?? 1) - 1;
    if (left === 0) this.#bySubject.delete(subject);
    else this.#bySubject.set(subject, left);
  }
}
