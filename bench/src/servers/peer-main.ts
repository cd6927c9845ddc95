import { answerQuestions } from './child-process.ts';
import { type PeerServer, servePeer } from './peer-server.ts';
import { countOrders, openSqliteFull } from './sqlite-full.ts';

// The process of a peer's server.

/** What the bench asks it. */
export type PeerQuestion =
  | {
      readonly ask: 'start';
      readonly server: string;
      readonly databaseFile: string;
      readonly pageFolder: string;
    }
  | { readonly ask: 'stored' };

let database: ReturnType<typeof openSqliteFull> | undefined;

answerQuestions<PeerQuestion>(
  async (question) => {
    if (question.ask === 'stored') {
      if (database === undefined) throw new Error('not started');
      return countOrders(database);
    }
    const { peerServer } = (await import(question.server)) as { peerServer: PeerServer };
    database = openSqliteFull(question.databaseFile);
    return servePeer(peerServer, database, question.pageFolder);
  },
  () => database?.close(),
);
