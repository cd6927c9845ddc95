import { parseArgs } from 'node:util';
import { runCrashCycles } from '../../chaos/crash-cycles.ts';

// Runs the store until its power is cut, again and again, until something is missing; says after how many cycles.

const { values } = parseArgs({ options: { cycles: { type: 'string', default: '40' } } });
const { cycles, ledger } = await runCrashCycles({
  cycles: Number(values.cycles),
  seed: 'canary',
  ends: ['drop', 'torn'],
  untilFound: true,
});
process.stdout.write(`${JSON.stringify({ cycles, problems: ledger.problems.slice(0, 3) })}\n`);
