import type { PeerServer } from '../../servers/peer-server.ts';

/** One insert per request, each its own commit. Nothing notices an order that is sent twice. */
export const peerServer: PeerServer = (database) => {
  database.exec('CREATE TABLE orders (number INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO orders (id, body) VALUES (?, ?)');
  return {
    '/orders': (body) => {
      const { id } = JSON.parse(body) as { id: string };
      insert.run(id, body);
      return '{}';
    },
  };
};
