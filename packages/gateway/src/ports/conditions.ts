/** What a condition can look at in an arriving message. */
export interface ArrivingMessage {
  readonly queue: string;
  readonly priority: number;
  /** The device that sent it; empty when a server did. */
  readonly device: string;
  readonly properties: {
    readonly contentType?: string | undefined;
    readonly headers?: Readonly<Record<string, string>> | undefined;
    readonly label?: string | undefined;
    readonly correlationId?: string | undefined;
    readonly groupId?: string | undefined;
  };
  readonly body: Uint8Array;
}

/** Whether a message meets it. What cannot be evaluated, such as a field that is not there, is not met. */
export type Condition = (message: ArrivingMessage) => boolean;

/** Compiles the conditions of rules, each once. */
export interface Conditions {
  /**
   * Throws a StoreError `invalid-request` saying what is wrong and where, for a text that is no condition, or one that
   * asks for more than a bounded look at one message.
   */
  compile(source: string): Condition;
}
