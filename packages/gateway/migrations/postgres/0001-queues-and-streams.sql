-- breaking: yes
-- Migrations are numbered and never changed once released. The first line says whether a release that does not know
-- the migration can still use the store (no) or must refuse it (yes). Each runs in a transaction of its own.
--
-- Times are Unix milliseconds of the gateways. Names are compared byte by byte, whatever the database's collation.

CREATE TABLE fieldpost.meta (
  name text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);

-- What this store was called before it went back in time: devices may still know it so. The name in force is in `meta`.
CREATE TABLE fieldpost.former_generations (
  generation text COLLATE "C" PRIMARY KEY,
  -- They are bounded in number, and the oldest one goes first.
  place bigint NOT NULL
);

CREATE TABLE fieldpost.devices (
  device uuid PRIMARY KEY,
  subject text NOT NULL,
  session_number bigint NOT NULL,
  session_nonce text NOT NULL,
  -- How the session in force came about: copies of a device's data name sessions that nothing else explains.
  opening text NOT NULL,
  parent_number bigint,
  parent_nonce text,
  revoked boolean NOT NULL,
  client text NOT NULL,
  first_seen_at bigint NOT NULL,
  last_seen_at bigint NOT NULL,
  waiting_messages bigint NOT NULL,
  forks bigint NOT NULL,
  forked_at bigint
) WITH (fillfactor = 80);

CREATE TABLE fieldpost.epochs (
  epoch uuid PRIMARY KEY,
  subject text NOT NULL,
  closed_at bigint
);
CREATE INDEX epochs_by_close ON fieldpost.epochs (closed_at) WHERE closed_at IS NOT NULL;

-- The high-water marks: together with the messages' rows they are what makes delivery exactly once. `queue` is a name, not
-- a queue: a stream's mark outlives its queue, and may lead to one that never was.
CREATE TABLE fieldpost.streams (
  epoch uuid NOT NULL,
  queue text COLLATE "C" NOT NULL,
  priority smallint NOT NULL,
  accepted bigint NOT NULL,
  accepted_id uuid NOT NULL,
  PRIMARY KEY (epoch, queue, priority)
) WITH (fillfactor = 80);

-- Numbers of a stream that did not become messages.
CREATE TABLE fieldpost.fates (
  epoch uuid NOT NULL,
  queue text COLLATE "C" NOT NULL,
  priority smallint NOT NULL,
  number bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  id uuid NOT NULL,
  code text NOT NULL,
  PRIMARY KEY (epoch, queue, priority, number, kind)
);

-- Numbers below a stream's mark that no device had any more when the store had gone back in time.
CREATE TABLE fieldpost.lost (
  epoch uuid NOT NULL,
  queue text COLLATE "C" NOT NULL,
  priority smallint NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  device uuid NOT NULL,
  recorded_at bigint NOT NULL,
  PRIMARY KEY (epoch, queue, priority, first)
);

-- Tombstones: epochs whose marks are forgotten, and which must not begin at 1 again.
CREATE TABLE fieldpost.retired (
  epoch uuid PRIMARY KEY
);

-- Retired epochs whose rows are still being removed, bit by bit.
CREATE TABLE fieldpost.retiring (
  epoch uuid PRIMARY KEY
);

-- `number` is the head of the queue's message keys. Whoever adds messages locks the queue's row, so arrival is the order of
-- commits; it counts what came in. What went out is counted in `removals`, where consumers do not wait for senders.
CREATE TABLE fieldpost.queues (
  number integer PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  settings text NOT NULL,
  created_at bigint NOT NULL,
  arrivals bigint NOT NULL,
  messages bigint NOT NULL,
  bytes bigint NOT NULL
) WITH (fillfactor = 50);

-- Messages and bytes that left a queue, in slices: each gateway counts in its own.
CREATE TABLE fieldpost.removals (
  queue integer NOT NULL,
  slice smallint NOT NULL,
  messages bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (queue, slice)
) WITH (fillfactor = 50);

-- Numbers of deleted queues whose rows are still being removed; they are not given again before.
CREATE TABLE fieldpost.emptying (
  queue integer PRIMARY KEY,
  deleted_at bigint NOT NULL
);

-- `key` packs queue, priority and arrival, so that a queue's messages lie side by side in the order in which they are handed
-- out. There is deliberately no index on (epoch, number): the streams' marks keep doubles out. `head` is the message up to
-- its body: id, length of the properties, properties. `priority` is there where the key does not tell it.
CREATE TABLE fieldpost.messages (
  key bigint PRIMARY KEY,
  sent_at bigint NOT NULL,
  arrived_at bigint NOT NULL,
  number bigint,
  epoch uuid,
  device uuid,
  priority smallint,
  head bytea NOT NULL,
  body bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 1);
-- Bodies are the senders' to compress: to try it again costs more than it saves.
ALTER TABLE fieldpost.messages ALTER COLUMN head SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL;

-- Messages that were handed out at least once or wait for something: the big rows above are never rewritten for it. A lease
-- ends at `until`; the message is visible from `visible_at` on. Both are the largest safe integer of JavaScript where
-- something else than time is waited for. Leased when there is a token, delayed or blocked when not.
CREATE TABLE fieldpost.holds (
  key bigint PRIMARY KEY,
  until bigint NOT NULL,
  visible_at bigint NOT NULL,
  token text,
  deliveries integer NOT NULL,
  consumer text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Messages that end at a certain time, and no others: their time to live (kind 0), or their last lease (kind 1).
CREATE TABLE fieldpost.dues (
  key bigint NOT NULL,
  kind smallint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (key, kind)
);
CREATE INDEX dues_by_time ON fieldpost.dues (at);

-- Messages of a group. One of each group in a queue is visible or leased; the others have a hold that never ends.
CREATE TABLE fieldpost.members (
  key bigint PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  visible_at bigint NOT NULL
);
CREATE INDEX members_by_group ON fieldpost.members (name, key);

-- Where moved messages were before, as JSON.
CREATE TABLE fieldpost.stories (
  key bigint PRIMARY KEY,
  story text NOT NULL
);

-- Messages of which the sender wants to hear what becomes of them.
CREATE TABLE fieldpost.asks (
  key bigint PRIMARY KEY,
  device uuid NOT NULL,
  id uuid NOT NULL
);

-- How many notices each device has had.
CREATE TABLE fieldpost.notice_counters (
  device uuid PRIMARY KEY,
  last bigint NOT NULL
) WITH (fillfactor = 80);

-- What became of messages that asked, until their device has confirmed it.
CREATE TABLE fieldpost.notices (
  device uuid NOT NULL,
  number bigint NOT NULL,
  id uuid NOT NULL,
  code text NOT NULL,
  reason text,
  ended_at bigint NOT NULL,
  PRIMARY KEY (device, number)
);
CREATE INDEX notices_by_time ON fieldpost.notices (ended_at);

-- Ids of server-side producers.
CREATE TABLE fieldpost.sends (
  queue integer NOT NULL,
  id uuid NOT NULL,
  content_hash bytea NOT NULL,
  sent_at bigint NOT NULL,
  PRIMARY KEY (queue, id)
);
CREATE INDEX sends_by_time ON fieldpost.sends (sent_at);

-- Purges, moves and redrives, with how far they are; as JSON, because only whole ones are ever asked for.
CREATE TABLE fieldpost.jobs (
  id text COLLATE "C" PRIMARY KEY,
  job text NOT NULL
);
