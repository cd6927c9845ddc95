import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LIMITS, unpackEntries } from '@fieldpost/protocol';
import { Server } from 'socket.io';
import { answerQuestions } from '../../servers/child-process.ts';
import { openSqliteFull } from '../../servers/sqlite-full.ts';

// The limit of intake: socket.io hands over a batch, its messages become rows, the commit is flushed, the batch is answered.
// What arrives in one turn of the event loop shares a commit. No streams, no numbers, no sessions, no permissions, no
// checks: what is sent twice is stored twice.

/** What the bench asks it. */
export type BareQuestion =
  | { readonly ask: 'start'; readonly databaseFile: string }
  | { readonly ask: 'stored' };

interface Arrived {
  readonly entries: Uint8Array;
  readonly acknowledge: () => void;
}

let database: ReturnType<typeof openSqliteFull> | undefined;
let commit: (batches: readonly Arrived[]) => void = () => undefined;
let arrived: Arrived[] = [];

const http = createServer();
const sockets = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  httpCompression: false,
  perMessageDeflate: false,
  maxHttpBufferSize: LIMITS.frameBytes,
});

sockets.on('connection', (socket) => {
  socket.on('frame', (entries: Uint8Array, acknowledge: () => void) => {
    if (arrived.length === 0) setImmediate(commitArrived);
    arrived.push({ entries, acknowledge });
  });
});

function commitArrived(): void {
  const batches = arrived;
  arrived = [];
  commit(batches);
  for (const { acknowledge } of batches) acknowledge();
}

answerQuestions<BareQuestion>(
  async (question) => {
    if (question.ask === 'start') return start(question.databaseFile);
    return database?.prepare('SELECT count(*) FROM messages').pluck().get();
  },
  () => database?.close(),
);

async function start(databaseFile: string): Promise<number> {
  database = openSqliteFull(databaseFile);
  database.exec('CREATE TABLE messages (number INTEGER PRIMARY KEY, message BLOB NOT NULL)');
  const insert = database.prepare('INSERT INTO messages (message) VALUES (?)');
  commit = database.transaction((batches: readonly Arrived[]) => {
    for (const { entries } of batches)
      for (const message of unpackEntries(entries, LIMITS.runMessages)) insert.run(message);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  return (http.address() as AddressInfo).port;
}
