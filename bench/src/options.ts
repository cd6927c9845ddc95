import { parseArgs } from 'node:util';
import { fullSizes, quickSizes, type Sizes } from './sizes.ts';

export const scenarioNames = ['send', 'drain', 'wire', 'intake', 'receive', 'slow-link'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** The other suite: queue servers beside each other. It is run alone, since it has results of its own. */
const queuesName = 'queues';

/** What was asked for on the command line. */
export interface BenchOptions {
  readonly sizes: Sizes;
  /** The gateway beside other queue servers, or everything else. */
  readonly suite: 'queues' | 'scenarios';
  readonly only: readonly ScenarioName[];
  readonly seed: number;
  readonly json: boolean;
  readonly profile: boolean;
  /** Whether servers that are missing may be installed. */
  readonly install: boolean;
  /** Whether the results that the documentation cites are written. */
  readonly save: boolean;
}

export const usage = `npm run bench -- [options]

  --quick            at most two minutes instead of ten: fewer orders, rates less exact
  --only a,b         some scenarios: ${scenarioNames.join(', ')}
  --only queues      the queues beside Redis, PostgreSQL and RabbitMQ, as \`npm run bench:queues\`: fifteen minutes
  --install          with queues: installs with apt-get the servers that are missing
  --profile          says where the time goes in a drain, on the device and in the gateway, instead of measuring
  --json             the report as JSON on the standard output, instead of the table
  --seed NUMBER      other orders (default 1)

  --save             writes the results that the documentation cites, as a full run does by itself

A full run writes bench/results/latest.md and latest.json and the figures in docs/guides/performance.md, a profile
bench/results/profile.md. A full run of the queues writes bench/results/queues.md and queues.json, and its part of the guide.`;

/** @throws TypeError which says what is wrong */
export function readOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      profile: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new TypeError(`--seed ${values.seed} is not a whole number`);
  const isQueues = values.only === queuesName;
  const isWhole = !values.quick && (values.only === undefined || isQueues);
  return {
    suite: isQueues ? 'queues' : 'scenarios',
    sizes: values.quick ? quickSizes : fullSizes,
    only: values.only === undefined || isQueues ? scenarioNames : values.only.split(',').map(readScenario),
    install: values.install,
    save: values.save || isWhole,
    seed,
    json: values.json,
    profile: values.profile,
  };
}

function readScenario(name: string): ScenarioName {
  const known = scenarioNames.find((scenario) => scenario === name);
  if (known === undefined)
    throw new TypeError(
      `--only ${name}: no such scenario; there are ${scenarioNames.join(', ')}, and ${queuesName} alone`,
    );
  return known;
}
