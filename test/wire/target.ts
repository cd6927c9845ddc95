import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createJoseTokenMinter } from '@fieldpost/gateway';
import { startGatewayProcess, TEST_SECRET } from '../support/gateway-process.ts';

/**
 * The gateway that the wire suite talks to. It knows nothing of how that is built:
 *
 *     WIRE_GATEWAY_URL=http://127.0.0.1:4100 WIRE_TOKEN_SECRET=… vitest run --project wire
 *
 * tests any running one, which must take HS256 tokens of that secret; WIRE_GATEWAY_PID lets its memory be watched.
 * Without these the suite starts one of its own.
 */
export interface Target {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly secret: Uint8Array;
  /** Undefined for a gateway elsewhere. */
  readonly pid: number | undefined;
  close(): Promise<void>;
}

export async function openTarget(): Promise<Target> {
  const { WIRE_GATEWAY_URL, WIRE_TOKEN_SECRET, WIRE_GATEWAY_PID } = process.env;
  if (WIRE_GATEWAY_URL !== undefined) {
    if (WIRE_TOKEN_SECRET === undefined) throw new Error('WIRE_GATEWAY_URL needs WIRE_TOKEN_SECRET');
    const pid = WIRE_GATEWAY_PID === undefined ? undefined : Number(WIRE_GATEWAY_PID);
    return {
      ...addressOf(WIRE_GATEWAY_URL),
      secret: utf8(WIRE_TOKEN_SECRET),
      pid,
      close: async () => undefined,
    };
  }
  return openOwnTarget();
}

/** A gateway of the suite's own, with more settings. */
export async function openOwnTarget(environment: Readonly<Record<string, string>> = {}): Promise<Target> {
  const gateway = await startGatewayProcess({
    mode: 'secret',
    environment: { FIELDPOST_ORIGINS: ALLOWED_ORIGIN, ...environment },
  });
  return {
    ...addressOf(gateway.url),
    secret: utf8(TEST_SECRET),
    pid: gateway.pid,
    close: () => gateway.dispose(),
  };
}

/** The one origin whose pages the suite's own gateway serves. */
export const ALLOWED_ORIGIN = 'https://app.example';

export interface TokenRequest {
  readonly subject?: string;
  readonly send?: readonly string[];
  readonly receive?: readonly string[];
  readonly manage?: readonly string[];
  readonly expiresInMs?: number;
}

/** A token of a subject; it allows everything that the request does not narrow. */
export function mintToken(target: Target, request: TokenRequest = {}): Promise<string> {
  const { subject = 'rep', send = ['*'], receive = ['*'], manage = ['*'], expiresInMs = 3_600_000 } = request;
  const grants = { send, receive, manage };
  return createJoseTokenMinter(target.secret).mint({ subject, grants, expiresAt: Date.now() + expiresInMs });
}

/** Makes a queue of a name that no other test has. */
export async function makeQueue(
  target: Target,
  settings: { readonly maxBodyBytes?: number } = {},
): Promise<string> {
  const name = unusedName();
  const response = await callApi(target, 'PUT', `/v1/queues/${name}`, settings);
  if (response.status !== 201) throw new Error(`no queue: ${response.status} ${await response.text()}`);
  return name;
}

export function unusedName(): string {
  return `wire-${randomBytes(8).toString('hex')}`;
}

export function unusedSubject(): string {
  return `subject-${randomUUID()}`;
}

/** A message as it stands in a queue. */
export interface QueuedMessage {
  readonly id: string;
  readonly priority: number;
  readonly body: string;
  readonly label: string | undefined;
  readonly sentAt: string;
  readonly arrivedAt: string;
}

/** Every message of a queue, in queue order. */
export async function readQueue(target: Target, queue: string): Promise<QueuedMessage[]> {
  const messages: QueuedMessage[] = [];
  let cursor: string | undefined;
  do {
    const page: PeekAnswer = await callApi(
      target,
      'GET',
      `/v1/queues/${queue}/messages?limit=256&bodies=base64${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    ).then((response) => response.json() as Promise<PeekAnswer>);
    for (const { bodyBase64, label, ...rest } of page.messages) {
      messages.push({ ...rest, label, body: Buffer.from(bodyBase64, 'base64').toString('utf8') });
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return messages;
}

interface PeekAnswer {
  readonly messages: readonly (Omit<QueuedMessage, 'body'> & { readonly bodyBase64: string })[];
  readonly cursor?: string;
}

/** A call of the server-side API by somebody who may do everything. */
export async function callApi(
  target: Target,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  const token = await mintToken(target, { subject: 'operator' });
  return fetch(`${target.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Resident memory of the gateway in bytes. */
export function memoryOf(pid: number): number {
  const [, kibibytes = ''] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

function addressOf(url: string): { url: string; host: string; port: number } {
  const { hostname, port, origin } = new URL(url);
  return { url: origin, host: hostname, port: Number(port || 80) };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
