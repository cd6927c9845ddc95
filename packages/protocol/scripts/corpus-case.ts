import type { DownFrame, Message, UpFrame } from '@fieldpost/protocol';

/** What reads the bytes of a case: a frame up or down, a message, or the body of an HTTP sync. */
export type Kind = 'up' | 'down' | 'message' | 'frames';

/** Bytes that must be read, and what they say. */
export type ValidCase = {
  readonly name: string;
  readonly about: string;
  /** For bytes that a reader takes and our encoder would write otherwise. */
  readonly bytes?: Uint8Array;
} & (
  | { readonly kind: 'up'; readonly value: UpFrame }
  | { readonly kind: 'down'; readonly value: DownFrame }
  | { readonly kind: 'message'; readonly value: Message }
  | { readonly kind: 'frames'; readonly value: readonly Uint8Array[] }
);

/** Bytes that must be refused, the code, and why. */
export interface InvalidCase {
  readonly name: string;
  readonly about: string;
  readonly kind: Kind;
  readonly bytes: Uint8Array;
  readonly code: 'malformed-frame' | 'bad-message' | 'too-large';
}

/**
 * Bytes in a corpus file: hexadecimal digits, or where one byte stands many times, pieces of digits and how often each
 * is repeated.
 */
export type CorpusBytes = string | readonly (readonly [digits: string, times: number])[];

const REPEATED_BYTES = 64;

export function toCorpusBytes(bytes: Uint8Array): CorpusBytes {
  const pieces: [string, number][] = [];
  let literal = 0;
  for (let start = 0; start < bytes.length;) {
    let end = start + 1;
    while (end < bytes.length && bytes[end] === bytes[start]) end++;
    if (end - start >= REPEATED_BYTES) {
      if (start > literal) pieces.push([digits(bytes.subarray(literal, start)), 1]);
      pieces.push([digits(bytes.subarray(start, start + 1)), end - start]);
      literal = end;
    }
    start = end;
  }
  if (literal < bytes.length) pieces.push([digits(bytes.subarray(literal)), 1]);
  const [only] = pieces;
  if (only === undefined) return '';
  return pieces.length === 1 && only[1] === 1 ? only[0] : pieces;
}

export function fromCorpusBytes(written: CorpusBytes): Uint8Array {
  if (typeof written === 'string') return Uint8Array.from(Buffer.from(written, 'hex'));
  return new Uint8Array(
    Buffer.concat(written.map(([piece, times]) => Buffer.alloc((piece.length / 2) * times, piece, 'hex'))),
  );
}

/** A decoded value as JSON: bytes become `{ "$bytes": … }`. */
export function toCorpusJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: toCorpusBytes(value) };
  if (Array.isArray(value)) return value.map(toCorpusJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toCorpusJson(inner)]));
}

function digits(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
