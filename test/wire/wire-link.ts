import {
  decodeDown,
  type DownFrame,
  encodeUp,
  FRAME_EVENT,
  FRAMES_MEDIA_TYPE,
  packFrames,
  unpackFrames,
  type UpFrame,
} from '@fieldpost/protocol';
import { io, type Socket } from 'socket.io-client';
import type { Target } from './target.ts';
import { within } from './within.ts';

/** One way to exchange frames with a gateway; the accept rules are tested over each of them. */
export interface WireLink {
  /** Sends frames that belong together and waits for their answers. */
  exchange(...frames: readonly UpFrame[]): Promise<DownFrame[]>;
  close(): void;
}

export type LinkKind = 'HTTP' | 'socket.io';
export const LINK_KINDS: readonly LinkKind[] = ['HTTP', 'socket.io'];

export async function openLink(kind: LinkKind, target: Target, token: string): Promise<WireLink> {
  return kind === 'HTTP' ? httpLink(target, token) : socketLink(target, token);
}

/** An HTTP answer that holds no frames. */
export class WireProblem extends Error {
  override readonly name = 'WireProblem';
  readonly status: number;
  readonly code: string;
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(`${status} ${JSON.stringify(problem)}`);
    this.status = status;
    this.code = String(problem['code']);
    this.problem = problem;
  }
}

/** Posts bytes as a device sync; the frames of the answer, or a {@link WireProblem}. */
export async function postSync(
  target: Target,
  token: string | undefined,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<DownFrame[]> {
  const response = await fetch(`${target.url}/v1/device/sync`, {
    method: 'POST',
    headers: {
      'content-type': FRAMES_MEDIA_TYPE,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: Uint8Array.from(body),
  });
  if (response.status !== 200) {
    throw new WireProblem(response.status, (await response.json()) as Record<string, unknown>);
  }
  return unpackFrames(await response.bytes()).map((frame) => decodeDown(frame));
}

function httpLink(target: Target, token: string): WireLink {
  return {
    exchange: (...frames) => postSync(target, token, packFrames(frames.map((frame) => encodeUp(frame)))),
    close: () => undefined,
  };
}

async function socketLink(target: Target, token: string): Promise<WireLink> {
  const link = await openSocket(target, token);
  return {
    async exchange(...frames) {
      for (const frame of frames) link.send(encodeUp(frame));
      const answers: DownFrame[] = [];
      // A close-epochs has an answer only when it is fenced, a token only when it is refused.
      const expected = frames.filter(({ type }) => type === 'hello' || type === 'push').length;
      while (answers.length < expected) {
        const answer = await link.next();
        answers.push(answer);
        if (answer.type === 'fenced') break;
      }
      return answers;
    },
    close: () => link.close(),
  };
}

/** A socket.io connection that is open, frame by frame. */
export interface FrameLink {
  readonly socket: Socket;
  send(frame: Uint8Array): void;
  /** The next frame, in order of arrival. Fails when the connection ends before one comes. */
  next(): Promise<DownFrame>;
  /** Settles with socket.io's reason when the connection is over. */
  readonly ended: Promise<string>;
  close(): void;
}

/** Connects, and fails with the code of a refused handshake. */
export async function openSocket(target: Target, token: unknown): Promise<FrameLink> {
  const socket = io(target.url, {
    path: '/v1/socket',
    transports: ['websocket'],
    auth: token === undefined ? {} : { token },
    reconnection: false,
    forceNew: true,
  });
  const arrived: DownFrame[] = [];
  let wake: () => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    socket.on('disconnect', (reason) => {
      resolve(reason);
      wake();
    });
  });
  socket.on(FRAME_EVENT, (data: ArrayBuffer | Uint8Array) => {
    arrived.push(decodeDown(new Uint8Array(data)));
    wake();
  });
  await within(
    'the socket connects',
    new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', (error: Error & { data?: { code?: string } }) => {
        socket.close();
        reject(new WireProblem(0, { code: error.data?.code ?? error.message, message: error.message }));
      });
    }),
  );
  return {
    socket,
    ended,
    send: (frame) => {
      socket.emit(FRAME_EVENT, frame);
    },
    next: () =>
      within(
        'a frame arrives',
        (async () => {
          for (;;) {
            const frame = arrived.shift();
            if (frame !== undefined) return frame;
            if (!socket.connected) throw new Error('the connection ended without a frame');
            await new Promise<void>((resolve) => (wake = resolve));
          }
        })(),
      ),
    close: () => {
      socket.close();
    },
  };
}
