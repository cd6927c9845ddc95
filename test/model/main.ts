import { parseArgs } from 'node:util';
import { explore } from './explore.ts';
import { missedFaults, reportOf } from './report.ts';
import { createWorld, DEEP_WORLDS, FLAWED_WORLDS, QUICK_WORLDS } from './worlds.ts';

// npm run model -- --world NAME [--states-max N]     explores one world, or says which there are
// npm run model -- --all                             every world without flaws

const { values } = parseArgs({
  options: {
    world: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    'states-max': { type: 'string' },
  },
});
const sound = [...QUICK_WORLDS, ...DEEP_WORLDS].map((setup) => ({ setup }));
const worlds = [...sound, ...FLAWED_WORLDS];
const chosen = values.all ? sound : worlds.filter(({ setup }) => values.world?.includes(setup.name));

if (chosen.length === 0) {
  const names = worlds.map(({ setup }) => `  ${setup.name.padEnd(24)}${setup.about}`);
  say(`name one of these with --world, or take --all:\n${names.join('\n')}`);
  process.exitCode = 2;
}
for (const world of chosen) {
  const statesMax = values['states-max'] === undefined ? {} : { statesMax: Number(values['states-max']) };
  const only = 'only' in world && world.only !== undefined ? { only: world.only } : {};
  const exploration = explore(createWorld(world.setup), { ...statesMax, ...only });
  say(reportOf(world.setup, exploration));
  const missed = missedFaults(world.setup, exploration);
  if (missed.length > 0 && exploration.violation === undefined)
    say(`  MISSED: ${missed.join(', ')} never struck`);
  if (exploration.violation !== undefined || missed.length > 0) process.exitCode = 1;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
