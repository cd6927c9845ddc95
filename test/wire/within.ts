/** What `promised` gives, or a failure that names what did not happen in time. */
export async function within<Value>(
  what: string,
  promised: Promise<Value>,
  milliseconds = 15_000,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promised, late]);
  } finally {
    clearTimeout(timer);
  }
}
