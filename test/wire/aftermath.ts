import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import type { Bystander } from './bystander.ts';
import { memoryOf, type Target } from './target.ts';

/** What a warm process of this kind has more than a fresh one: compiled code, caches, the allocator's reserves. */
const MEMORY_MARGIN_BYTES = 192 * 1024 * 1024;

/** What a suite had at its beginning. */
export interface Before {
  readonly target: Target;
  readonly token: string;
  readonly bystander: Bystander;
  /** Resident, in bytes; zero when the gateway's process is not known. */
  readonly memoryBytes: number;
}

/** The last tests of a suite of bad input: the gateway is as it was before. `before` is called when they run. */
export function describeAftermath(before: () => Before): void {
  describe('at the end', () => {
    test('the gateway is ready', async () => {
      expect(await (await fetch(`${before().target.url}/readyz`)).json()).toEqual({ status: 'ok' });
    });

    test.skipIf(
      process.env['WIRE_GATEWAY_URL'] !== undefined && process.env['WIRE_GATEWAY_PID'] === undefined,
    )('its memory is near where it began', { timeout: 90_000 }, () => memoryComesBack(before()));
  });
}

async function memoryComesBack({ target, token, bystander, memoryBytes }: Before): Promise<void> {
  const { pid } = target;
  if (pid === undefined) throw new Error('no process to look at');
  // A process gives memory back when it has to make room for more, not when it idles.
  const isBack = async (): Promise<boolean> => {
    for (let round = 0; round < 20; round++) await bystander.deliverOne();
    for (let round = 0; round < 8; round++) await askInVain(target, token);
    return memoryOf(pid) < memoryBytes + MEMORY_MARGIN_BYTES;
  };
  await until(isBack, { withinMs: 60_000, what: 'the memory is back' });
}

/** A large request that is read, parsed and refused: nothing of it stays, and its room has to be found. */
async function askInVain(target: Target, token: string): Promise<void> {
  const response = await fetch(`${target.url}/v1/queues/orders/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ nonsense: 'x'.repeat(900_000) }),
  });
  expect(response.ok).toBe(false);
  await response.arrayBuffer();
}
