/** Whether a body fits a schema. What is no JSON fits none. */
export type BodyCheck = (body: Uint8Array) => boolean;

/** Compiles JSON Schemas of queues, each once. */
export interface BodySchemas {
  /**
   * Throws a StoreError `invalid-request` saying what is wrong, for a text that is no schema, or one whose checking could
   * take more than a bounded look at a body.
   */
  compile(schema: string): BodyCheck;
}
