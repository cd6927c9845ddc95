import { createBroadcastSignals, SILENCE } from './adapters/browser/broadcast-signals.ts';
import { createCryptoEntropy } from './adapters/browser/crypto-entropy.ts';
import { createLocalStorageMarker, NO_MARKER } from './adapters/browser/local-storage-marker.ts';
import { createPageHints } from './adapters/browser/page-hints.ts';
import { createSystemClock } from './adapters/browser/system-clock.ts';
import { createWebLocks, HELD_BY_EVERYBODY } from './adapters/browser/web-locks.ts';
import { createHttpTransport } from './adapters/http/http-transport.ts';
import { createIndexedDbOutboxStore } from './adapters/indexeddb/indexeddb-outbox-store.ts';
import { createSocketIoTransport } from './adapters/socket-io/socket-io-transport.ts';
import type { ConnectOptions } from './api/connect-options.ts';
import type { Fieldpost } from './api/fieldpost.ts';
import type { Surroundings } from './api/surroundings.ts';
import { FieldpostError } from './core/fieldpost-error.ts';
import { FieldpostClient } from './shell/fieldpost-client.ts';

const KEEP_DELIVERED_MS = 3 * 24 * 3_600_000;
const KEEP_DELIVERED_BYTES = 64 * 1024 * 1024;
const SUBJECT_CHARACTERS = 200;
/** What the device calls itself, for the operators' device list. */
const CLIENT = 'fieldpost-sdk/0.1.0';

/**
 * Opens this device's outbox and starts to deliver what waits in it. Resolves when the local database is open: neither
 * network nor gateway is needed.
 *
 * @throws FieldpostError `invalid-argument`, `storage-blocked`, `storage-failed`
 * @since 0.1.0
 */
export async function connect(options: ConnectOptions): Promise<Fieldpost> {
  const { gateway, token, subject, transport = 'socket', keepDelivered = {} } = options;
  if (typeof token !== 'function') throw invalid('token', 'a function that gives a token');
  if (transport !== 'socket' && transport !== 'http') throw invalid('transport', '"socket" or "http"');
  const name = databaseName(subject);
  return FieldpostClient.open({
    ports: { ...surroundings(options.surroundings ?? {}, name) },
    gateway:
      typeof gateway === 'function'
        ? async () => checkGateway(await gateway())
        : always(checkGateway(gateway)),
    token,
    socketAllowed: transport === 'socket',
    client: CLIENT,
    name,
    keepDeliveredMs: checkAmount('keepDelivered.forMs', keepDelivered.forMs, KEEP_DELIVERED_MS),
    keepDeliveredBytes: checkAmount('keepDelivered.bytesMax', keepDelivered.bytesMax, KEEP_DELIVERED_BYTES),
  });
}

function surroundings(given: Partial<Surroundings>, name: string): Surroundings {
  // What belongs to the origin goes with the origin's database: another store has nobody to share with, unless said.
  const isOrigins = given.store === undefined;
  return {
    store: given.store ?? createIndexedDbOutboxStore({ name }),
    leaderLock: given.leaderLock ?? (isOrigins ? createWebLocks() : HELD_BY_EVERYBODY),
    signals: given.signals ?? (isOrigins ? createBroadcastSignals(name) : SILENCE),
    marker: given.marker ?? (isOrigins ? createLocalStorageMarker(name) : NO_MARKER),
    socket: given.socket ?? createSocketIoTransport(),
    http: given.http ?? createHttpTransport(),
    clock: given.clock ?? createSystemClock(),
    entropy: given.entropy ?? createCryptoEntropy(),
    hints: given.hints ?? createPageHints(),
  };
}

function databaseName(subject: unknown): string {
  if (subject === undefined) return 'fieldpost';
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_CHARACTERS) {
    throw invalid('subject', `a text of 1 to ${SUBJECT_CHARACTERS} characters`);
  }
  return `fieldpost:${subject}`;
}

function checkGateway(gateway: unknown): string {
  const url = typeof gateway === 'string' && URL.canParse(gateway) ? new URL(gateway) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  throw invalid('gateway', 'the http or https URL of a gateway');
}

function checkAmount(option: string, amount: unknown, byDefault: number): number {
  if (amount === undefined) return byDefault;
  if (typeof amount === 'number' && amount >= 0 && !Number.isNaN(amount)) return amount;
  throw invalid(option, 'a number of 0 or more');
}

function always(gateway: string): () => string {
  return () => gateway;
}

function invalid(option: string, expected: string): FieldpostError {
  return new FieldpostError('invalid-argument', `connect option ${option}: it has to be ${expected}`);
}
