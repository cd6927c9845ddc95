import {
  decodeUp,
  encodeDown,
  FRAMES_MEDIA_TYPE,
  LIMITS,
  packFrames,
  unpackFrames,
} from '@fieldpost/protocol';
import type { Failpoints } from '../../ports/failpoints.ts';
import { syncDevice } from '../../shell/device-sync.ts';
import type { Intake } from '../../shell/intake.ts';
import type { Api } from '../api.ts';
import { RequestError } from '../problem.ts';
import { hasMediaType, overloaded, readBody } from '../read-body.ts';

export interface DeviceSyncPorts {
  readonly intake: Intake;
  readonly failpoints: Failpoints;
}

/** One exchange of a device over plain HTTP: for service workers, and for networks that break WebSockets. */
export function addDeviceSyncRoute(api: Api, { intake, failpoints }: DeviceSyncPorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/device/sync',
      tag: 'Devices',
      summary: 'Exchange frames',
      description:
        'A hello, pushes, close-epochs, as `docs/protocol/v1.md` describes them; a hello comes first or not at all. Over HTTP ' +
        'a hello is a compare-and-set on the last session.',
      rawBody: { mediaType: FRAMES_MEDIA_TYPE, description: 'Length-prefixed frames.' },
      answers: {
        200: {
          description: 'Length-prefixed frames; `fenced` among them, if so.',
          mediaType: FRAMES_MEDIA_TYPE,
        },
      },
      problems: ['malformed-frame', 'unexpected-frame'],
    },
    async ({ c, principal, inputShare }) => {
      if (!hasMediaType(c, FRAMES_MEDIA_TYPE)) {
        throw new RequestError('unsupported-media-type', `the body has to be ${FRAMES_MEDIA_TYPE}`);
      }
      // Before the body is read: it is what there is no room for.
      if (intake.isOverloaded()) throw overloaded();
      failpoints.reach('frame-received');
      const body = await readBody(c, LIMITS.syncBytes, inputShare);
      const frames = unpackFrames(body).map((bytes) => decodeUp(bytes));
      failpoints.reach('frame-parsed');
      // From here on the pushes count, each until it is committed.
      inputShare.release();
      const replies = await syncDevice(intake, principal, frames);
      const answer = packFrames(replies.map((frame) => encodeDown(frame)));
      return new Response(answer, { headers: { 'content-type': FRAMES_MEDIA_TYPE } });
    },
  );
}
