import { bytesFromUuid } from '@fieldpost/protocol';
import type { MessageMatch } from '../ports/gateway-store.ts';
import { readStoredProperties } from './stored-properties.ts';

/** Prepares the question whether a message is one of those looked for: it is asked of every message of a queue. */
export function matcherOf(match: MessageMatch): (id: Uint8Array, properties: Uint8Array) => boolean {
  const { correlationId } = match;
  const wanted = match.id === undefined ? undefined : bytesFromUuid(match.id);
  return (id, properties) => {
    if (wanted !== undefined && !wanted.every((byte, index) => byte === id[index])) return false;
    return correlationId === undefined || readStoredProperties(properties).correlationId === correlationId;
  };
}
