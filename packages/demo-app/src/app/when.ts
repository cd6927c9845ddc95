// Dates in the words of a person who looks at them today.

const time = new Intl.DateTimeFormat('en-US', { hour: 'numeric', minute: '2-digit' });
const timeWithSeconds = new Intl.DateTimeFormat('en-US', {
  hour: 'numeric',
  minute: '2-digit',
  second: '2-digit',
});
const day = new Intl.DateTimeFormat('en-US', { weekday: 'long', month: 'long', day: 'numeric' });
const shortDay = new Intl.DateTimeFormat('en-US', { month: 'short', day: 'numeric' });
const dateOnly = new Intl.DateTimeFormat('en-US', {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  timeZone: 'UTC',
});

/** `2:05 PM` today, `Nov 21` before. */
export function shortWhen(atMs: number, now: Date): string {
  return isSameDay(new Date(atMs), now) ? time.format(atMs) : shortDay.format(atMs);
}

export function exactTime(atMs: number): string {
  return timeWithSeconds.format(atMs);
}

/** `Today`, `Yesterday`, `Saturday, November 21`. */
export function dayName(atMs: number, now: Date): string {
  const at = new Date(atMs);
  if (isSameDay(at, now)) return 'Today';
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  return isSameDay(at, yesterday) ? 'Yesterday' : day.format(at);
}

/** `2017-11-08` as `Nov 8, 2017`. */
export function calendarDate(iso: string): string {
  return dateOnly.format(new Date(`${iso}T00:00:00Z`));
}

function isSameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}
