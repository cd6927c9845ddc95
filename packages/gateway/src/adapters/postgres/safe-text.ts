// PostgreSQL's texts cannot hold the character NUL; names that people and devices choose can.

/** A text of outside as the database keeps it. */
export function safeText(text: string): string {
  return /[\\\0]/.test(text) ? text.replaceAll('\\', String.raw`\\`).replaceAll('\0', String.raw`\0`) : text;
}

/** What {@link safeText} was given. */
export function originalText(text: string): string {
  return text.includes('\\')
    ? text.replaceAll(/\\(.)/g, (_, next: string) => (next === '0' ? '\0' : next))
    : text;
}
