import type { Grants, Permission } from '../ports/authenticator.ts';

/** Whether the grants of a token allow `permission` on `queue`. What no pattern names is denied. */
export function allows(grants: Grants, permission: Permission, queue: string): boolean {
  return grants[permission].some((pattern) => matchesPattern(pattern, queue));
}

/** Whether the grants of a token allow to manage every queue: what concerns devices, and the gateway as a whole. */
export function managesEverything(grants: Grants): boolean {
  return grants.manage.includes('*');
}

/** Whether `text` is a pattern: a queue name, the beginning of one with one `*` behind it, or `*` alone. */
export function isPattern(text: string): boolean {
  return /^(?:[a-z0-9][a-z0-9._-]{0,127}|(?:[a-z0-9][a-z0-9._-]{0,126})?\*)$/.test(text);
}

function matchesPattern(pattern: string, queue: string): boolean {
  if (!isPattern(pattern)) return false;
  return pattern.endsWith('*') ? queue.startsWith(pattern.slice(0, -1)) : queue === pattern;
}
