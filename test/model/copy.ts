/** A copy that shares nothing changeable with the original; cycles stay cycles. Byte arrays are never changed, so they are shared. */
export function copyDeep<Value>(value: Value): Value {
  return copy(value, new Map()) as Value;
}

function copy(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    known.set(value, list);
    for (const item of value) list.push(copy(item, known));
    return list;
  }
  if (value instanceof Map) {
    const map = new Map<unknown, unknown>();
    known.set(value, map);
    for (const [key, item] of value) map.set(copy(key, known), copy(item, known));
    return map;
  }
  if (value instanceof Set) {
    const set = new Set<unknown>();
    known.set(value, set);
    for (const item of value) set.add(copy(item, known));
    return set;
  }
  const object: Record<string, unknown> = {};
  known.set(value, object);
  for (const [key, item] of Object.entries(value)) object[key] = copy(item, known);
  return object;
}
