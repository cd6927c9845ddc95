import {
  type CloseEpochs,
  type Confirm,
  type DeviceId,
  type DownFrame,
  type Hello,
  LIMITS,
  ProtocolError,
  type Session,
  type UpFrame,
} from '@fieldpost/protocol';
import { raiseAttempts, type ReadPush, readPush } from '../core/read-push.ts';
import type { Principal } from '../ports/authenticator.ts';
import type { Intake } from './intake.ts';

/**
 * Serves the frames of one HTTP request, in their order. A hello comes first or not at all; the pushes behind it are
 * its session's, whatever session they name, because their sender cannot know it yet. Without a hello, pushes name
 * their device and session.
 *
 * @throws ProtocolError `malformed-frame` or `unexpected-frame`: then nothing of the request was taken
 */
export async function syncDevice(
  intake: Intake,
  principal: Principal,
  frames: readonly UpFrame[],
): Promise<DownFrame[]> {
  const { hello, tasks } = readRequest(frames);
  if (hello === undefined) return serveTasks(intake, principal, tasks, undefined);
  const result = await intake.hello(hello, principal, 'http');
  const { reply } = result;
  if (reply.type === 'fenced') return [reply];
  const told = result.fates === undefined ? [] : [result.fates];
  return [reply, ...told, ...(await serveTasks(intake, principal, tasks, reply.session))];
}

/** A frame behind the hello, with the device that it is of. */
type Task =
  | { readonly type: 'push'; readonly device: DeviceId; readonly push: ReadPush }
  | { readonly type: 'close-epochs'; readonly device: DeviceId; readonly frame: CloseEpochs }
  | { readonly type: 'confirm'; readonly device: DeviceId; readonly frame: Confirm };

interface SyncRequest {
  readonly hello: Hello | undefined;
  readonly tasks: readonly Task[];
}

/** Reads everything before anything is done, so that a malformed request leaves nothing behind. */
function readRequest(frames: readonly UpFrame[]): SyncRequest {
  const [first, ...others] = frames;
  const hello = first?.type === 'hello' ? first : undefined;
  const tasks = (hello === undefined ? frames : others).map((frame) => readTask(frame, hello));
  const messages = tasks.reduce((sum, task) => sum + (task.type === 'push' ? task.push.messages : 0), 0);
  if (messages > LIMITS.windowMessages) {
    throw new ProtocolError(
      'malformed-frame',
      `${messages} messages in one request; at most ${LIMITS.windowMessages}`,
    );
  }
  return { hello, tasks };
}

function readTask(frame: UpFrame, hello: Hello | undefined): Task {
  switch (frame.type) {
    case 'hello':
      throw new ProtocolError('unexpected-frame', 'a hello that is not the first frame of its request');
    case 'token':
      throw new ProtocolError('unexpected-frame', 'over HTTP the token stands in the Authorization header');
    case 'push':
      return { type: 'push', device: deviceOf(frame, hello), push: readPush(frame) };
    case 'close-epochs':
      return { type: 'close-epochs', device: deviceOf(frame, hello), frame };
    case 'confirm':
      return { type: 'confirm', device: deviceOf(frame, hello), frame };
  }
}

function deviceOf(
  frame: { readonly type: string; readonly device?: DeviceId | undefined },
  hello: Hello | undefined,
): DeviceId {
  const device = hello?.device ?? frame.device;
  if (device === undefined) {
    throw new ProtocolError(
      'unexpected-frame',
      `a ${frame.type} that names no device, in a request without a hello`,
    );
  }
  if (frame.device !== undefined && frame.device !== device) {
    throw new ProtocolError('unexpected-frame', `a ${frame.type} of another device than the hello's`);
  }
  return device;
}

/** Begins all tasks at once: they share a commit, and their order is the order of the calls. */
async function serveTasks(
  intake: Intake,
  principal: Principal,
  tasks: readonly Task[],
  greeted: Session | undefined,
): Promise<DownFrame[]> {
  let attempts: ReadonlyMap<string, number> = new Map();
  const answers = tasks.filter(({ type }) => type === 'push').length;
  const replies = await Promise.all(
    tasks.map(async (task): Promise<DownFrame | undefined> => {
      const sender = { device: task.device, principal };
      if (task.type === 'close-epochs') {
        return intake.closeEpochs({ ...task.frame, session: greeted ?? task.frame.session }, sender);
      }
      if (task.type === 'confirm') {
        const session = greeted ?? task.frame.session;
        return intake.tellFates({ device: task.device, session, heard: task.frame.fates }, principal);
      }
      const before = attempts;
      attempts = raiseAttempts(attempts, task.push);
      const push = { ...task.push, session: greeted ?? task.push.session };
      return (await intake.push(push, sender, { attempts: before, answers })).reply;
    }),
  );
  return replies.filter((reply) => reply !== undefined);
}
