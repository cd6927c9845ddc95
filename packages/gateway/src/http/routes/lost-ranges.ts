import { z } from '@hono/zod-openapi';
import { allows } from '../../core/permissions.ts';
import { parentOf } from '../../core/queue-address.ts';
import type { GatewayStore, LostRecord } from '../../ports/gateway-store.ts';
import type { Api } from '../api.ts';
import { isoTime } from '../iso-time.ts';

const PAGE_MAX = 256;
const PAGE_DEFAULT = 50;
const CURSOR_CHARACTERS = 512;

const lostRange = z
  .object({
    queue: z.string(),
    priority: z.int(),
    epoch: z
      .string()
      .openapi({ description: 'The start of the device’s program in which the messages were saved.' }),
    first: z.int().openapi({ description: 'The first number that is missing.' }),
    last: z.int(),
    device: z.uuid().openapi({ description: 'The device that said so.' }),
    recordedAt: z.iso.datetime(),
  })
  .openapi('LostRange');

/** What is gone since the store was restored from an older copy. */
export function addLostRangesRoute(api: Api, store: Pick<GatewayStore, 'listLost'>): void {
  api.route(
    {
      method: 'get',
      path: '/v1/lost-ranges',
      tag: 'Devices',
      summary: 'List messages that were lost with a store that went back in time',
      description:
        'Ranges of numbers that a device had delivered, that a restored store has forgotten, and that no device has any more; of the ' +
        'queues that the token may manage. A range goes when its messages turn up. Follow `cursor` until it is absent; a page may ' +
        'be empty and have one all the same.',
      query: z.object({
        cursor: z.string().min(1).max(CURSOR_CHARACTERS).optional(),
        limit: z.coerce.number().int().min(1).max(PAGE_MAX).optional().openapi({ default: PAGE_DEFAULT }),
      }),
      answers: {
        200: {
          description: 'One page, those of one stream by number.',
          schema: z.object({ ranges: z.array(lostRange), cursor: z.string().optional() }),
        },
      },
      problems: [],
    },
    async ({ c, principal, query: { cursor, limit = PAGE_DEFAULT } }) => {
      const page = await store.listLost({ limit, ...(cursor === undefined ? {} : { cursor }) });
      const seen = page.ranges.filter(({ stream }) =>
        allows(principal.grants, 'manage', parentOf(stream.queue)),
      );
      return c.json({
        ranges: seen.map(rangeJson),
        ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
      });
    },
  );
}

function rangeJson({ stream, first, last, device, recordedAt }: LostRecord): z.infer<typeof lostRange> {
  const { queue, priority, epoch } = stream;
  return { queue, priority, epoch, first, last, device, recordedAt: isoTime(recordedAt) };
}
