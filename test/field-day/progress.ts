import type { DayProgress } from './day.ts';

/** One line that is written over on a terminal, and now and then a new one elsewhere. Returns the way to stop. */
export function showProgress(out: NodeJS.WriteStream, look: () => DayProgress): () => void {
  let last = '';
  const startedAt = performance.now();
  const show = (): void => {
    const line = lineOf(look(), (performance.now() - startedAt) / 1000);
    if (out.isTTY) out.write(`\r\u001B[2K${line}`);
    else if (line.slice(line.indexOf(' ')) !== last.slice(last.indexOf(' '))) out.write(`${line}\n`);
    last = line;
  };
  const timer = setInterval(show, out.isTTY ? 250 : 3000);
  let isShown = true;
  return () => {
    clearInterval(timer);
    if (isShown) show();
    if (isShown && out.isTTY) out.write('\n');
    isShown = false;
  };
}

function lineOf({ phase, saved, booked, orders, faults }: DayProgress, seconds: number): string {
  return `${seconds.toFixed(0)}s ${phase}: ${saved} of ${orders} saved, ${booked} booked, ${faults} faults`;
}
