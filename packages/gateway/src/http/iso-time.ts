const remembered = new Map<number, string>();
/** An answer of a thousand messages names few times, most of them often. */
const REMEMBERED_MAX = 64;

/** Unix milliseconds as an RFC 3339 text. Remembers the last ones: writing a date costs as much as leasing a message. */
export function isoTime(unixMs: number): string {
  const known = remembered.get(unixMs);
  if (known !== undefined) return known;
  const text = new Date(unixMs).toISOString();
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.set(unixMs, text);
  return text;
}
