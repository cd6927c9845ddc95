import { invariant } from '@fieldpost/protocol';
import type { BodySchemas } from '../ports/body-schemas.ts';
import type { QueueRow } from '../ports/gateway-store.ts';

/** Whether a body is what the queue's schema asks for; any body is when it has none. */
export function fitsSchema(queue: QueueRow, body: Uint8Array, schemas: BodySchemas | undefined): boolean {
  if (queue.schema === undefined) return true;
  invariant(schemas !== undefined, `queue "${queue.name}" has a schema, and nothing checks it`);
  return schemas.compile(queue.schema)(body);
}
