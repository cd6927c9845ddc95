// The gateway's command line as `main.ts` runs it, with failpoints: for tests that end the process at a chosen place.
import { runCli } from '../cli/run-cli.ts';
import { createFailpoints, FAILPOINT_VARIABLE } from './failpoints.ts';

const failpoints = createFailpoints(process.env[FAILPOINT_VARIABLE]);
// It is no setting, and the configuration refuses variables that are none.
delete process.env[FAILPOINT_VARIABLE];
process.exitCode = await runCli(process.argv, { failpoints });
