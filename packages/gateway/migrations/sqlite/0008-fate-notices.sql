-- breaking: yes
-- A release that does not know these rows leaves them behind when messages end, and their keys are used again.

-- Messages of which the sender wants to hear what becomes of them. `source` is the symbol of their device and epoch.
CREATE TABLE asks (
  key INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  id BLOB NOT NULL
) STRICT;

-- How many notices each device has had; `device` is its symbol.
CREATE TABLE notice_counters (
  device INTEGER PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT;

-- What became of messages that asked, until their device has confirmed it.
CREATE TABLE notices (
  device INTEGER NOT NULL,
  number INTEGER NOT NULL,
  id BLOB NOT NULL,
  code TEXT NOT NULL,
  reason TEXT,
  ended_at INTEGER NOT NULL,
  PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_by_time ON notices (ended_at);

-- Deleted queues whose messages are still being removed: when they were deleted.
CREATE TABLE deleted_queues (
  queue INTEGER PRIMARY KEY,
  deleted_at INTEGER NOT NULL
) STRICT;
