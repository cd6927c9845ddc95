import { type Measure, MEASURES } from './measure.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const WIDTH = 640;
const HEIGHT = 120;
const MIB = 1024 * 1024;

/** A page with a chart of each measure. */
export function soakPage({ minutes, devices, seed }: SoakOptions, result: SoakResult): string {
  const { messages, problems, faults } = result;
  const names = Object.keys(MEASURES) as Measure[];
  const verdict =
    problems.length === 0
      ? 'Everything arrived once and in order, and what the gateway holds ends flat.'
      : problems.join(' · ');
  const met = Object.entries(faults).map(([name, count]) => `${name} ${count}`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Soak</title>
<style>body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b2a33}svg{width:100%;background:#f5f7f8;border-radius:6px}</style>
<h1>Soak: ${minutes} minutes, ${devices} devices</h1>
<p>${escaped(verdict)}</p>
<p>${messages} messages. Seed ${escaped(seed)}. Periods: ${escaped(met.join(', '))}. Measured at the end of each quiet time; the first third is warm-up.</p>
${names.map((name) => `<h2>${figureOf(name, result)}</h2>\n${chart(name, result)}`).join('\n')}
</html>
`;
}

/** Such as `memory 81.0 MiB, growth 0.2 MiB`. */
export function figureOf(name: Measure, { trends }: Pick<SoakResult, 'trends'>): string {
  const { title, unit } = MEASURES[name];
  const { median, growth } = trends[name];
  const shown = (value: number): string =>
    unit === 'MiB' ? `${(value / MIB).toFixed(1)} MiB` : String(Math.round(value));
  return `${title} ${shown(median)}, growth ${shown(growth)}`;
}

function chart(name: Measure, { samples, trends }: SoakResult): string {
  const values = samples.map((sample) => sample[name]);
  const highest = Math.max(1, ...values) * 1.1;
  const lastSecond = Math.max(1, ...samples.map(({ atSeconds }) => atSeconds));
  const points = samples.map(({ atSeconds }, index) => {
    const x = (atSeconds / lastSecond) * WIDTH;
    const y = HEIGHT - ((values[index] ?? 0) / highest) * HEIGHT;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const warmUp = WIDTH / 3;
  const color = trends[name].isFlat ? '#13707d' : '#b3261e';
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${MEASURES[name].title} over time">
<rect width="${warmUp.toFixed(0)}" height="${HEIGHT}" fill="#e6ebee"/>
<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/></svg>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
