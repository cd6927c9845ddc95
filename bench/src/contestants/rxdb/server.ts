import type { PeerServer } from '../../servers/peer-server.ts';

/** The push endpoint of RxDB's documentation over SQLite: one commit per batch; answers with the conflicts, here none. */
export const peerServer: PeerServer = (database) => {
  database.exec('CREATE TABLE orders (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID');
  const find = database.prepare('SELECT body FROM orders WHERE id = ?').pluck();
  const insert = database.prepare('INSERT INTO orders (id, body) VALUES (?, ?)');
  const push = database.transaction((rows: readonly { newDocumentState: { id: string } }[]) => {
    const conflicts: unknown[] = [];
    for (const { newDocumentState } of rows) {
      const known = find.get(newDocumentState.id) as string | undefined;
      if (known === undefined) insert.run(newDocumentState.id, JSON.stringify(newDocumentState));
      else conflicts.push(JSON.parse(known));
    }
    return conflicts;
  });
  return {
    '/push': (body) => JSON.stringify(push(JSON.parse(body) as { newDocumentState: { id: string } }[])),
  };
};
