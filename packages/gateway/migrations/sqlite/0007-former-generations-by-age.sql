-- breaking: no
-- A release that does not know the places adds former generations in front of all others: they are forgotten first.

-- The former generations are bounded in number, and the oldest one goes first.
ALTER TABLE former_generations ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
