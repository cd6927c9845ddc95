/**
 * Every bound of the protocol, with its unit in its name and its reason beside it.
 * A peer may announce lower values in `welcome.limits`; it never accepts more than these.
 */
export const LIMITS = {
  /** One frame: a run of small messages, or one message of the largest body with room for its properties. */
  frameBytes: 8 * 1024 * 1024,
  /** MessagePack values in one frame: all refusals that an answer tells and every stream of a hello, many times over. */
  frameValues: 262_144,
  /** Levels of maps and arrays in one frame; this version uses five. */
  frameDepth: 16,
  /** A message body: larger payloads are attachments, not messages. */
  bodyBytesMax: 4 * 1024 * 1024,
  /** The body limit of a queue that does not set its own. */
  bodyBytesDefault: 1024 * 1024,
  /** The encoded properties of one message: headers (8 KiB) and the named properties. */
  propertiesBytes: 16 * 1024,
  /** Headers of one message, counted. */
  headers: 32,
  /** Headers of one message, names and values together in UTF-8. */
  headersBytes: 8 * 1024,
  /** A label is for people's eyes. */
  labelCharacters: 250,
  /** `correlationId`, `replyTo`, `groupId` and the like. */
  tokenCharacters: 128,
  /** A media type with parameters. */
  contentTypeCharacters: 255,
  /** Times of a message, such as its time to live: ten years, so that no sum of times leaves the safe integers. */
  durationMs: 10 * 365 * 24 * 60 * 60 * 1000,
  /** A queue name, as MSMQ's 124 characters rounded to a power of two. */
  queueNameCharacters: 128,
  /** The lowest priority is 0, the highest this (MSMQ has the same eight). */
  priorityMax: 7,
  /** The priority of a message that names none (as in MSMQ). */
  priorityDefault: 3,
  /** Messages in one run: bounds the memory and time of one accepting transaction. */
  runMessages: 4096,
  /** Runs in one push. */
  pushRuns: 256,
  /** Messages of one transaction of a device: it is taken in one piece. */
  transactionMessages: 256,
  /** Bytes of the messages of one transaction, packed: it travels in one push. */
  transactionBytes: 4 * 1024 * 1024,
  /** Messages sent and not yet answered, over all streams of a device. */
  windowMessages: 8192,
  /** Bytes sent and not yet answered, over all streams of a device. */
  windowBytes: 8 * 1024 * 1024,
  /** Pushes and other frames sent and not yet answered: each is work of its own for the gateway, however small it is. */
  windowFrames: 64,
  /** Refusals and skips told in one answer, over all of its streams: the rest follow once these are acknowledged. */
  fatesTold: 1024,
  /** Fates of messages in one frame: the next ones follow when these are confirmed. */
  fatesHeard: 256,
  /** Streams named in one hello: a device with more waits for the first to empty. */
  helloStreams: 1024,
  /** Lost ranges of one stream told in one answer: the rest follow once these are filled. */
  lostTold: 16,
  /** Epochs named in one close-epochs. */
  closeEpochs: 1024,
  /** Frames in one HTTP sync request or answer. */
  syncFrames: 64,
  /** Bytes of one HTTP sync request: a full window and its hello. */
  syncBytes: 9 * 1024 * 1024,
  /** A token (JWT) in a header, a handshake or a frame. */
  tokenBytes: 16 * 1024,
  /** A name a client gives of itself, for logs and the operators' device list. */
  clientCharacters: 64,
  /** A human-readable detail in an error frame. */
  detailCharacters: 1024,
  /** Numbers are JavaScript safe integers; a stream that reached this needs a new epoch. */
  numberMax: Number.MAX_SAFE_INTEGER,
  /** No answer to a hello or a push within this time: the connection is dead, open a new one. */
  answerTimeoutMs: 30_000,
  /** First and longest delay of the full-jitter backoff between connection attempts. */
  backoffFirstMs: 500,
  backoffMaxMs: 30_000,
} as const;
