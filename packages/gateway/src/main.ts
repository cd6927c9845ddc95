#!/usr/bin/env node
// Nothing else may be imported here: on an older Node the SQLite driver ends the process without a word, so the
// version is looked at before anything that could load it.
const NODE_MAJOR_MIN = 22;
const version = process.versions.node;

if (Number.parseInt(version, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(`fieldpost-gateway needs Node ${NODE_MAJOR_MIN} or later; this is ${version}\n`);
  process.exitCode = 1;
} else {
  const { runCli } = await import('./cli/run-cli.ts');
  process.exitCode = await runCli(process.argv);
}
