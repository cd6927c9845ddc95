import { encodeMessage, messageIdFrom, packEntries } from '@fieldpost/protocol';
import { connect, createIndexedDbOutboxStore, type Fieldpost } from '@fieldpost/sdk';

// The page of the hazard tests: the SDK as it is, within reach of the tests' own code in the page.

const page = {
  connect,
  createIndexedDbOutboxStore,
  encodeMessage,
  messageIdFrom,
  packEntries,
  /** A text that no database can compress to much less. */
  randomText(length: number): string {
    let text = '';
    while (text.length < length)
      text += String.fromCharCode(
        ...crypto.getRandomValues(new Uint8Array(4096)).map((byte) => 33 + (byte % 90)),
      );
    return text.slice(0, length);
  },
  /** The connection of this tab, once a test has made one. */
  post: undefined as Fieldpost | undefined,
  /** What a test counts in this tab. */
  count: 0,
};

declare global {
  var tablet: typeof page;
}

globalThis.tablet = page;
