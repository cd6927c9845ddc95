/** What a receipt says: where the message stands, and which lease of it this is. */
export interface ReceiptParts {
  readonly key: number;
  readonly token: string;
}

/** The text a consumer settles with. Only the token is unguessable, so the token is what fences. */
export function formatReceipt(parts: ReceiptParts): string {
  return `${parts.key.toString(36)}.${parts.token}`;
}

/** Reads a receipt; undefined for a text that none was ever written as. */
export function parseReceipt(receipt: string): ReceiptParts | undefined {
  const match = /^([0-9a-z]{1,11})\.(.+)$/s.exec(receipt);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const key = Number.parseInt(match[1], 36);
  return Number.isSafeInteger(key) ? { key, token: match[2] } : undefined;
}

/** A place in a queue as the text of a peek cursor. */
export function formatCursor(key: number): string {
  return key.toString(36);
}

/** The place that a cursor names; undefined for a text that no peek answered with. */
export function parseCursor(cursor: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(cursor)) return undefined;
  const key = Number.parseInt(cursor, 36);
  return Number.isSafeInteger(key) ? key : undefined;
}
