import { once } from 'node:events';
import { connect } from 'node:net';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** `handles`: connections that nobody closes. `rows`: messages that nobody takes. */
export type Plant = 'handles' | 'rows';

const CONNECTIONS = 3;
const MESSAGES = 5;

/** A little more of what is never given back. */
export async function plantLeak(plant: Plant, gateway: GatewayProcess, token: string): Promise<void> {
  if (plant === 'rows') {
    const response = await fetch(`${gateway.url}/v1/queues/leak/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: Array.from({ length: MESSAGES }, (_, index) => ({ body: index })) }),
    });
    if (!response.ok) throw new Error(await response.text());
    return;
  }
  for (let count = 0; count < CONNECTIONS; count++) {
    const socket = connect(gateway.port, '127.0.0.1');
    await once(socket, 'connect');
    // Half a request: the gateway waits for the rest, as long as it may.
    socket.write('GET /v1/queues HTTP/1.1\r\nhost: 127.0.0.1\r\n');
    socket.on('error', () => undefined);
    socket.unref();
  }
}
