import { parentPort, workerData } from 'node:worker_threads';
import { MACHINES } from './coverage/machines.ts';
import { CellCounts, probesFor } from './coverage/probes.ts';
import { installPatches } from './patches/install-patches.ts';
import type { SeedTask, WorkerSetup, WorkerAnswer } from './seed-pool.ts';

// Runs worlds in a thread of its own, whose modules may have been patched.

const setup = workerData as WorkerSetup;
installPatches([...setup.patches, ...probesFor(MACHINES)]);
const cells = new CellCounts();
// Only now: what is loaded from here on is loaded as the patches say.
const { simulateSeed } = await import('./simulate-seed.ts');

parentPort?.on('message', ({ seed, options, runs }: SeedTask) => {
  const run = async (): Promise<WorkerAnswer> => {
    cells.take();
    const first = await simulateSeed(seed, options);
    const answer = { report: first, cells: cells.take() };
    for (let again = 1; again < runs; again++) {
      const { traceHash } = await simulateSeed(seed, { ...options, keepsTrace: false });
      if (traceHash === first.traceHash) continue;
      const detail = `the trace of run ${again + 1} is ${traceHash}, that of the first ${first.traceHash}`;
      const finding = { checker: 'repeatability', detail };
      return { ...answer, report: { ...first, findings: [...first.findings, finding] } };
    }
    return answer;
  };
  run().then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) => {
      throw error;
    },
  );
});
