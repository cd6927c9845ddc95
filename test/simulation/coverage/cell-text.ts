/** A cell of a machine's table, as reports name it. */
export function cellText(state: string, event: string): string {
  return `${state} × ${event}`;
}
