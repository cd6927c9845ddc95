-- breaking: yes
-- Migrations are numbered and never changed once released. The first line says whether a release that does not know
-- the migration can still use the store (no) or must refuse it (yes).

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Long names stand here once; every other table holds their numbers.
CREATE TABLE symbols (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;

CREATE TABLE devices (
  device INTEGER PRIMARY KEY REFERENCES symbols,
  subject TEXT NOT NULL,
  session_number INTEGER NOT NULL,
  session_nonce TEXT NOT NULL,
  revoked INTEGER NOT NULL,
  client TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  waiting_messages INTEGER NOT NULL
) STRICT;

CREATE TABLE epochs (
  epoch INTEGER PRIMARY KEY REFERENCES symbols,
  subject TEXT NOT NULL,
  closed_at INTEGER
) STRICT;

-- The high-water marks: together with the messages' rows they are what makes delivery exactly once.
-- `queue` is a symbol, not a queue: a stream's mark outlives its queue, and may lead to one that never was. It is not
-- declared as a reference: with no index on it, removing the symbol of a retired epoch would look through all streams.
CREATE TABLE streams (
  epoch INTEGER NOT NULL REFERENCES symbols,
  queue INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  accepted_id BLOB NOT NULL,
  PRIMARY KEY (epoch, queue, priority)
) STRICT, WITHOUT ROWID;

-- Numbers of a stream that did not become messages.
CREATE TABLE fates (
  epoch INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  code TEXT NOT NULL,
  PRIMARY KEY (epoch, queue, priority, number, kind)
) STRICT, WITHOUT ROWID;

-- `number` is the head of the queue's message keys. The counts are kept in the transactions that change them.
CREATE TABLE queues (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  max_body_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  arrivals INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;

-- `key` packs queue, priority and arrival, so that a queue's messages lie on neighbouring pages in the order in which they
-- are handed out. There is deliberately no index on (epoch, number): the streams' marks keep doubles out.
-- `source` is the symbol of the device and epoch that sent it. `head` is the message up to its body: id, length of the
-- properties, properties. The body stands last, so that reading the rest does not touch its overflow pages.
CREATE TABLE messages (
  key INTEGER PRIMARY KEY,
  sent_at INTEGER NOT NULL,
  arrived_at INTEGER NOT NULL,
  source INTEGER,
  number INTEGER,
  head BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Messages that were handed out at least once or wait out a delay: the big rows above are never rewritten for it.
-- Invisible before `until`; leased when there is a token, delayed when not.
CREATE TABLE holds (
  key INTEGER PRIMARY KEY,
  until INTEGER NOT NULL,
  token TEXT,
  deliveries INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;

-- Ids of server-side producers.
CREATE TABLE sends (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  content_hash BLOB NOT NULL,
  sent_at INTEGER NOT NULL,
  PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;
