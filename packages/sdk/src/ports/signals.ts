/** Short messages between the tabs and workers that share one outbox. Best effort: the store is the truth. */
export interface Signals {
  /** Sends to every other one. `message` is structured-cloneable. */
  post(message: unknown): void;
  /** Hears every other one; what arrives is parsed by the hearer. Returns the way to stop. */
  subscribe(hear: (message: unknown) => void): () => void;
  close(): void;
}
