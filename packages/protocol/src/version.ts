/** The protocol version this code speaks. Raised by any change a peer could notice. */
export const PROTOCOL_VERSION = 1;

/** The oldest version still spoken: a gateway serves every version of the last twelve months. */
export const PROTOCOL_VERSION_MIN = 1;

/** The HTTP media type of a device sync request and its answer: length-prefixed frames. */
export const FRAMES_MEDIA_TYPE = 'application/vnd.fieldpost.frames';

/** The socket.io event that carries one frame, in either direction. */
export const FRAME_EVENT = 'frame';

/** What each version changed, newest first; `docs/protocol/v1.md` repeats it for readers. */
export const PROTOCOL_HISTORY = [
  {
    version: 1,
    since: '2026-11',
    change: 'First version: hello, push, close-epochs, confirm, token; welcome, ack, fates, fenced, error.',
  },
] as const;
