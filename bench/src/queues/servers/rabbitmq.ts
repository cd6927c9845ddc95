import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../contestants/fieldpost/gateway.ts';
import type { QueueContestant } from '../queue-contestant.ts';
import { requireProgram } from './find-program.ts';
import { startServer } from './server-process.ts';

const needs = {
  debianPackage: 'rabbitmq-server',
  paths: ['/usr/lib/rabbitmq/bin/rabbitmq-server'],
};

/** RabbitMQ with a quorum queue of one member: whatever is confirmed was flushed to its log. */
export const rabbitMq: QueueContestant = {
  name: 'RabbitMQ quorum queue',
  how: 'publisher confirms; a channel and a prefetch for each consumer; acknowledgements of several at once',
  durability: 'flushed',
  needs,
  packages: ['amqplib'],
  async start(folder) {
    const program = requireProgram(needs);
    const [port, distributionPort, mapperPort] = [await freePort(), await freePort(), await freePort()];
    for (const name of ['home', 'data', 'log']) mkdirSync(join(folder, name), { recursive: true });
    const configuration = join(folder, 'rabbitmq.conf');
    writeFileSync(
      configuration,
      `listeners.tcp.default = 127.0.0.1:${port}\nlog.console = true\nlog.file = false\n`,
    );
    writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
    // The mapper of Erlang's ports, on a port of its own: no other one is met, and none is left behind.
    const mapper = await startServer({
      program: 'epmd',
      args: ['-d', '-address', '127.0.0.1', '-port', String(mapperPort)],
      ready: /epmd running/,
    });
    const server = await startServer({
      program,
      args: [],
      environment: {
        HOME: join(folder, 'home'),
        // Keeps the script from staying in between as a process of its own.
        RUNNING_UNDER_SYSTEMD: 'true',
        RABBITMQ_NODENAME: `bench${port}@localhost`,
        RABBITMQ_DIST_PORT: String(distributionPort),
        RABBITMQ_CONFIG_FILE: configuration,
        RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
        RABBITMQ_MNESIA_BASE: join(folder, 'data'),
        RABBITMQ_LOG_BASE: join(folder, 'log'),
        ERL_EPMD_PORT: String(mapperPort),
        ERL_EPMD_ADDRESS: '127.0.0.1',
      },
      ready: /Server startup complete/,
    }).catch(async (error: unknown) => {
      await mapper.stop();
      throw error;
    });
    return {
      target: { kind: 'rabbitmq', url: `amqp://guest:guest@127.0.0.1:${port}`, token: '' },
      async stop() {
        await server.stop();
        await mapper.stop();
      },
    };
  },
};
