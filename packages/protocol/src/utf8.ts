// Here because the core has no host globals, TextEncoder and TextDecoder among them.

/** The length of a text in UTF-8. A lone surrogate counts as the three bytes of U+FFFD that stand for it. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

const UNITS_PER_CALL = 4096;

/**
 * The text of `bytes` from `start` to before `end`; undefined when they are not UTF-8 (RFC 3629): no overlong forms, no
 * surrogates, nothing above U+10FFFF, nothing cut off.
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = '';
  let units: number[] = [];
  for (let offset = start; offset < end;) {
    const first = bytes[offset] ?? 0;
    const length = sequenceBytes(first);
    const point = length === 1 ? first : multibytePoint(bytes, offset, offset + length, end);
    if (point === undefined) return undefined;
    offset += length;
    if (point < 0x10000) units.push(point);
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
    if (units.length >= UNITS_PER_CALL) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** Bytes of the sequence that starts with `first`; 0 when none does. */
function sequenceBytes(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** The least code point that needs as many bytes: a lower one is an overlong form. */
const LEAST_POINT: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];

function multibytePoint(bytes: Uint8Array, start: number, stop: number, end: number): number | undefined {
  const length = stop - start;
  if (length === 0 || stop > end) return undefined;
  let point = (bytes[start] ?? 0) & (0x7f >> length);
  for (let offset = start + 1; offset < stop; offset++) {
    const byte = bytes[offset] ?? 0;
    if ((byte & 0xc0) !== 0x80) return undefined;
    point = (point << 6) | (byte & 0x3f);
  }
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < (LEAST_POINT[length] ?? 0) || surrogate || point > 0x10ffff ? undefined : point;
}

/** Half a surrogate pair: in JavaScript's strings, in no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;
/** C0 controls with CR, LF and NUL, DEL, and C1 controls: what breaks a log line, a terminal or an HTTP header. */
// oxlint-disable-next-line eslint/no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether a text has neither control characters nor lone surrogates: what names, labels and headers are made of. */
export function isPlainText(text: string): boolean {
  return !CONTROL.test(text) && !LONE_SURROGATE.test(text);
}

/** The text with U+FFFD for each lone surrogate: what UTF-8 can carry. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, '\u{fffd}');
}
