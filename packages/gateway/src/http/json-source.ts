/**
 * The source text of a member of a JSON object, of the items of an array: what stands between the punctuation, byte for
 * byte. A body that is stored and handed out by its source text loses no digit of a number and no member to a parser.
 *
 * All of these take text that `JSON.parse` has accepted, and look no further than structure.
 */

/** The source of member `key`; of the last one when there are several, as `JSON.parse` takes it. */
export function memberSource(object: string, key: string): string | undefined {
  let found: string | undefined;
  let at = skipBlank(object, 0);
  if (object[at] !== '{') return undefined;
  at = skipBlank(object, at + 1);
  while (object[at] === '"') {
    const keyEnd = endOfString(object, at);
    const name: unknown = JSON.parse(object.slice(at, keyEnd));
    const start = skipBlank(object, skipBlank(object, keyEnd) + 1);
    const end = endOfValue(object, start);
    if (name === key) found = object.slice(start, end);
    at = skipBlank(object, end);
    if (object[at] === ',') at = skipBlank(object, at + 1);
  }
  return found;
}

/** The sources of the items of an array. */
export function itemSources(array: string): string[] {
  const items: string[] = [];
  let at = skipBlank(array, 0);
  if (array[at] !== '[') return items;
  at = skipBlank(array, at + 1);
  while (at < array.length && array[at] !== ']') {
    const end = endOfValue(array, at);
    items.push(array.slice(at, end));
    at = skipBlank(array, end);
    if (array[at] === ',') at = skipBlank(array, at + 1);
  }
  return items;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  let at = start;
  if (first !== '{' && first !== '[') {
    while (at < text.length && !/[\s,\]}]/.test(text[at] ?? '')) at++;
    return at;
  }
  let depth = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    at++;
    if (depth === 0) return at;
  }
  return at;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Behind the first quote that an even number of backslashes stands before: those escape each other. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote >= 0) {
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((quote - before) % 2 === 1) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

function skipBlank(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}
