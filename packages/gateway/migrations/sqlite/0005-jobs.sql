-- breaking: no
-- Purges, moves and redrives, with how far they are; as JSON, because only whole ones are ever asked for.
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  job TEXT NOT NULL
) STRICT, WITHOUT ROWID;
