-- breaking: yes
-- A release that does not know lost ranges takes what fills them for duplicates, and one that does not know tombstones
-- takes messages of a retired epoch a second time.

-- What this store was called before it went back in time: devices may still know it so. The name in force is in `meta`.
CREATE TABLE former_generations (
  generation TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Numbers below a stream's mark that no device had any more when the store had gone back in time.
CREATE TABLE lost (
  epoch INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  device TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  PRIMARY KEY (epoch, queue, priority, first)
) STRICT, WITHOUT ROWID;

-- Tombstones: epochs whose marks are forgotten, and which must not begin at 1 again.
CREATE TABLE retired (
  epoch BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Retired epochs whose rows are still being removed, bit by bit.
CREATE TABLE retiring (
  epoch INTEGER PRIMARY KEY REFERENCES symbols
) STRICT;

CREATE INDEX epochs_by_close ON epochs (closed_at) WHERE closed_at IS NOT NULL;

-- How the session in force came about: copies of a device's data name sessions that nothing else explains.
ALTER TABLE devices ADD COLUMN opening TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN parent_number INTEGER;
ALTER TABLE devices ADD COLUMN parent_nonce TEXT;
ALTER TABLE devices ADD COLUMN forks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN forked_at INTEGER;
