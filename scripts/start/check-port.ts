import { createServer } from 'node:net';
import { StartFailure } from './start-failure.ts';

/** Fails when another program listens on the port. Another port is no way out: the browser keeps orders by address. */
export async function checkPort(port: number, what: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const isTaken = Reflect.get(error, 'code') === 'EADDRINUSE';
      const reason = isTaken
        ? `port ${port} (${what}) is taken by another program; stop that one, or an earlier "npm start", and start again`
        : `port ${port} (${what}) cannot be used: ${error.message}`;
      reject(new StartFailure(reason));
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}
