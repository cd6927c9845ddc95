-- breaking: yes
-- A queue's settings but `max_body_bytes`, as JSON: those that are added later have their defaults until they are set.
ALTER TABLE queues ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- The message's priority where its key does not tell it: in a queue that is ordered by arrival only.
ALTER TABLE messages ADD COLUMN priority INTEGER;

-- A lease ends at `until`; the message is visible from `visible_at` on, after the delay before it is tried again.
-- Both are the largest safe integer where something else than time is waited for. `consumer` is the symbol of who leased it last.
ALTER TABLE holds ADD COLUMN visible_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holds ADD COLUMN consumer INTEGER;
UPDATE holds SET visible_at = until;

-- Messages that end at a certain time, and no others: their time to live (kind 0), or their last lease (kind 1).
CREATE TABLE dues (
  key INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (key, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX dues_by_time ON dues (at);

-- Messages of a group. One of each group in a queue is visible or leased; the others have a hold that never ends.
CREATE TABLE members (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  visible_at INTEGER NOT NULL
) STRICT;
CREATE INDEX members_by_group ON members (name, key);

-- Where moved messages were before, as JSON.
CREATE TABLE stories (
  key INTEGER PRIMARY KEY,
  story TEXT NOT NULL
) STRICT;
