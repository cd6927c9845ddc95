import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDemoServer } from './start-demo-server.ts';

// The demo's server as a process of its own: `npm start` runs it beside the gateway.
//
//   node server/main.ts --port 4101 --gateway http://127.0.0.1:4100 --data-dir .fieldpost

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4101' },
    gateway: { type: 'string', default: 'http://127.0.0.1:4100' },
    'data-dir': { type: 'string', default: '.fieldpost' },
  },
});

try {
  const server = await startDemoServer({
    port: Number(values.port),
    gateway: values.gateway,
    dataDir: values['data-dir'],
    siteDir: join(import.meta.dirname, '../dist'),
    onProblem: sayOnce(),
  });
  process.stdout.write(`demo server on ${server.url}\n`);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void server.stop().catch(fail));
} catch (error) {
  fail(error);
}

/** Says a problem when it begins, not at each of the attempts that it outlasts. */
function sayOnce(): (error: unknown) => void {
  let last = '';
  return (error) => {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== last) process.stderr.write(`booking: ${text}; trying again\n`);
    last = text;
  };
}

function fail(error: unknown): void {
  const taken = error instanceof Error && Reflect.get(error, 'code') === 'EADDRINUSE';
  const reason = taken ? `port ${values.port} is taken by another program` : String(error);
  process.stderr.write(`demo server: ${reason}\n`);
  process.exitCode = 1;
}
