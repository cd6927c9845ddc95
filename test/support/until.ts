/** Waits until `fact` holds, looking again and again; fails with its text when it does not within the bound. */
export async function until(
  fact: () => boolean | Promise<boolean>,
  { withinMs = 10_000, what = fact.toString() }: { readonly withinMs?: number; readonly what?: string } = {},
): Promise<void> {
  const from = performance.now();
  while (!(await fact())) {
    if (performance.now() - from > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

const lookEveryMs = 5;
