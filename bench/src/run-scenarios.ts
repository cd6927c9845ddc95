import type { BenchContext } from './bench-context.ts';
import { barePath } from './contestants/bare-path/contestant.ts';
import type { Contestant } from './contestants/contestant.ts';
import { fieldpost, gatewayIntake, gatewayIntakeAllFeatures } from './contestants/fieldpost/contestant.ts';
import { barePut, careful, carefulRelaxed, handWritten, rxdb, workbox } from './contestants/peers.ts';
import type { ScenarioName } from './options.ts';
import { type DrainEntry, runDrain } from './scenarios/drain.ts';
import { runIntake } from './scenarios/intake.ts';
import { runReceive } from './scenarios/receive.ts';
import { runSendAwaited } from './scenarios/send-awaited.ts';
import { runSlowLink } from './scenarios/slow-link.ts';
import { runWireBytes } from './scenarios/wire-bytes.ts';

/** Runs the named scenarios one after the other; what they find is in the context's book. */
export async function runScenarios(context: BenchContext, names: readonly ScenarioName[]): Promise<void> {
  const { sizes } = context;
  const ours = fieldpost();
  const rxdbs = sizes.rxdbBatches.map(rxdb);
  const rxdbBest = rxdbs.find(({ batch }) => batch === 1000) ?? rxdb(1000);
  const prepared = new Set<Contestant>();
  const use = async (contestants: readonly Contestant[]): Promise<void> => {
    for (const contestant of contestants) {
      if (!prepared.has(contestant)) await contestant.prepare(`${context.folder}/pages`);
      prepared.add(contestant);
    }
  };
  const scenarios: Record<ScenarioName, () => Promise<void>> = {
    async send() {
      const contestants = [ours, barePut, handWritten, careful, workbox, rxdbBest];
      await use(contestants);
      await runSendAwaited(context, contestants);
    },
    async drain() {
      const entries: DrainEntry[] = [
        { contestant: ours, messages: sizes.drain },
        { contestant: handWritten, messages: sizes.drainHandWritten },
        ...[careful, carefulRelaxed, ...rxdbs].map((contestant) => ({ contestant, messages: sizes.drain })),
        { contestant: workbox, messages: sizes.drainWorkbox },
      ];
      await use(entries.map(({ contestant }) => contestant));
      await runDrain(context, entries);
    },
    async wire() {
      const entries: DrainEntry[] = [
        { contestant: ours, messages: sizes.drain },
        { contestant: careful, messages: sizes.drain },
        { contestant: rxdbBest, messages: sizes.drain },
        { contestant: handWritten, messages: sizes.wire },
        { contestant: workbox, messages: sizes.wire },
      ];
      await use(entries.map(({ contestant }) => contestant));
      await runWireBytes(context, entries);
    },
    intake: async () => runIntake(context, [gatewayIntake, gatewayIntakeAllFeatures, barePath]),
    receive: async () => runReceive(context, gatewayIntake),
    async 'slow-link'() {
      await use([ours]);
      await runSlowLink(context, ours);
    },
  };
  for (const name of names) await scenarios[name]();
}
