import { decodeProperties, type MessageProperties, ProtocolError } from '@fieldpost/protocol';

/** Properties as they are stored: read when they were accepted; those of a later version may not read here, and are none. */
export function readStoredProperties(bytes: Uint8Array): MessageProperties {
  try {
    return decodeProperties(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return {};
    throw error;
  }
}
