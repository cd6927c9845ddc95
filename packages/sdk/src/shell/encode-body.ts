import { DEFAULT_CONTENT_TYPE } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';

/** A body on its way into a message: text to be written as UTF-8, or bytes. */
export interface EncodedBody {
  readonly content: string | Uint8Array;
  /** Undefined for JSON, which messages need not name. */
  readonly contentType: string | undefined;
}

/** Deeper than any data, and before the stack ends. */
const DEPTH_MAX = 1000;

/**
 * Gives a body its form.
 *
 * @throws FieldpostError `not-serialisable` with the path of the value, `invalid-argument` for a content type that does
 *   not go with the body
 */
export function encodeBody(body: unknown, contentType: string | undefined): EncodedBody {
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) {
    return { content: bytesOf(body), contentType: contentType ?? 'application/octet-stream' };
  }
  const isJson = contentType === undefined || isJsonType(contentType);
  if (typeof body === 'string' && !isJson) {
    if (/\p{Surrogate}/u.test(body))
      throw notSerialisable('body', 'a text with half a character (a lone surrogate)');
    return { content: body, contentType };
  }
  if (!isJson) {
    throw new FieldpostError(
      'invalid-argument',
      `contentType "${contentType}" does not go with ${describe(body)}: give a string or bytes, or leave it out for JSON`,
    );
  }
  if (!isPlain(body, 0)) throw complain(body);
  // A function, undefined or a symbol has no JSON at all; isPlain has refused them.
  return {
    content: JSON.stringify(body),
    contentType: contentType === DEFAULT_CONTENT_TYPE ? undefined : contentType,
  };
}

/** Whether a media type is JSON or one of its kind (`…+json`). */
export function isJsonType(contentType: string): boolean {
  return /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(contentType);
}

function bytesOf(body: Uint8Array | ArrayBuffer): Uint8Array {
  const buffer = body instanceof ArrayBuffer ? body : body.buffer;
  try {
    // A detached buffer looks empty; only this tells it from one that is.
    new Uint8Array(buffer);
  } catch (cause) {
    throw new FieldpostError(
      'not-serialisable',
      'body: its buffer is detached (it was transferred elsewhere)',
      { cause },
    );
  }
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

/** Whether JSON keeps the value as it is. Lean: it runs for every part of every body. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' && (value === null || areMembersPlain(value, depth));
}

function areMembersPlain(value: object, depth: number): boolean {
  if (depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth + 1)) return false;
    return true;
  }
  if ('toJSON' in value) {
    const replaced = replacementOf(value);
    if (replaced !== undefined) return replaced.value !== value && isPlain(replaced.value, depth + 1);
  }
  if (!isRecord(value)) return !isLossy(value) && areAllPlain(Object.values(value), depth);
  // Not Object.values(): a list for each object of each body of a burst adds up.
  for (const key in value) {
    const member = value[key];
    // Most are texts. JSON leaves a property out that is undefined; so does everybody who reads it.
    if (typeof member === 'string' || member === undefined) continue;
    if (!isPlain(member, depth + 1)) return false;
  }
  return true;
}

function areAllPlain(members: readonly unknown[], depth: number): boolean {
  return members.every((member) => member === undefined || isPlain(member, depth + 1));
}

/** An object literal: most of all objects in bodies. */
function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** What `toJSON` puts in the place of a value, such as a date's ISO text. */
function replacementOf(value: object): { readonly value: unknown } | undefined {
  if (!('toJSON' in value) || typeof value.toJSON !== 'function') return undefined;
  if (value instanceof Date && Number.isNaN(value.getTime())) return { value: undefined };
  const replaced: unknown = value.toJSON();
  return { value: replaced };
}

/** Objects that JSON turns into `{}` without a word: maps, sets, blobs, bytes, promises, errors … */
function isLossy(value: object): boolean {
  return Object.prototype.toString.call(value) !== '[object Object]';
}

/** The same walk once more, slowly, to say where and why. */
function complain(body: unknown): FieldpostError {
  const ancestors: unknown[] = [];
  const visit = (value: unknown, path: string): FieldpostError | undefined => {
    if (value !== null && typeof value === 'object') {
      if (ancestors.includes(value)) return notSerialisable(path, 'a value that contains itself');
      if (ancestors.length >= DEPTH_MAX) return notSerialisable(path, `nested deeper than ${DEPTH_MAX}`);
    }
    const fault = faultOf(value);
    if (fault !== undefined) return notSerialisable(path, fault);
    if (value === null || typeof value !== 'object') return undefined;
    ancestors.push(value);
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined && !Array.isArray(value)) continue;
      const found = visit(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++)
        if (!(index in value)) return notSerialisable(`${path}[${index}]`, 'a hole');
    }
    ancestors.pop();
    return undefined;
  };
  return visit(body, 'body') ?? notSerialisable('body', describe(body));
}

function faultOf(value: unknown): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value !== 'object') return describe(value);
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid date';
  if (Array.isArray(value) || replacementOf(value) !== undefined) return undefined;
  return isLossy(value) ? describe(value) : undefined;
}

function notSerialisable(path: string, what: string): FieldpostError {
  return new FieldpostError(
    'not-serialisable',
    `${path} is ${what}, which JSON cannot carry: convert it, or send bytes (Uint8Array) or text (a string with a contentType)`,
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'bigint') return 'a BigInt';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'object' && value !== null)
    return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  return `a ${typeof value}`;
}
