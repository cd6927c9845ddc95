/**
 * Whether pages of an origin may call the gateway, for CORS and WebSockets alike. An allowed origin is `*`, an exact
 * origin, or one with `:*` for any port.
 */
export function isOriginAllowed(origins: readonly string[], origin: string): boolean {
  return origins.some((allowed) => {
    if (allowed === '*' || allowed === origin) return true;
    return allowed.endsWith(':*') && origin.replace(/:\d{1,5}$/, '') === allowed.slice(0, -2);
  });
}

/** Whether `text` may stand in the list of allowed origins. */
export function isOriginPattern(text: string): boolean {
  return text === '*' || /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::(?:\d{1,5}|\*))?$/.test(text);
}
