import { randomUUID } from 'node:crypto';
import type { GenerationId, Hello } from '@fieldpost/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeQueue, mintToken, openTarget, readQueue, type Target } from './target.ts';
import { message, WireDevice } from './wire-device.ts';
import { LINK_KINDS, openLink } from './wire-link.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const CLAIMS = 1_000;

/** What a device may say to make the gateway believe that its store went back, by turns. */
function claim(device: WireDevice, told: GenerationId, index: number): Partial<Hello> {
  const acknowledged = 1_000_000 + index;
  const streams = [{ epoch: device.epoch, queue: device.queue, priority: 3, acknowledged }];
  switch (index % 3) {
    case 0:
      return { generation: told, streams };
    case 1:
      return { generation: randomUUID() as string as GenerationId, streams: [] };
    default:
      return { streams };
  }
}

describe.each(LINK_KINDS)(
  'over %s, a device that claims again and again to know more than the store',
  (kind) => {
    test(
      'makes one generation more at most, and gets none of it believed for others',
      { timeout: 120_000 },
      async () => {
        const queue = await makeQueue(target);
        const honest = new WireDevice(queue);
        const honestLink = await openLink(kind, target, await mintToken(target, { subject: 'honest' }));
        const before = (await honest.hello(honestLink)).generation;
        await honest.pushRun(honestLink, { entries: [message('first')] });

        const liar = new WireDevice(queue);
        const seen = new Set<GenerationId>([before]);
        let told = before;
        for (let index = 0; index < CLAIMS; index++) {
          const link = await openLink(kind, target, await mintToken(target, { subject: 'liar' }));
          told = (await liar.hello(link, claim(liar, told, index))).generation;
          seen.add(told);
          link.close();
        }
        expect(seen.size).toBeLessThanOrEqual(2);

        // Who was there before is welcomed under the generation that is in force, and goes on where it was.
        const streams = [{ epoch: honest.epoch, queue, priority: 3, acknowledged: 1 }];
        const again = await openLink(kind, target, await mintToken(target, { subject: 'honest' }));
        const welcome = await honest.hello(again, { generation: before, streams });
        expect(welcome.generation).toBe(told);
        expect(welcome.streams).toMatchObject([{ accepted: 1 }]);
        await honest.pushRun(again, { first: 2, acknowledged: 1, entries: [message('second')] });
        expect((await readQueue(target, queue)).map(({ body }) => body)).toEqual(['first', 'second']);
        honestLink.close();
        again.close();
      },
    );
  },
);
