-- breaking: yes
-- The log's frames have checksums of SQLite's, the pages of the file have none: a bit that turned on the disk would be
-- given out as a message, or move a stream's mark. NULL in rows from before, which are taken as they are.

ALTER TABLE messages ADD COLUMN checksum INTEGER;
ALTER TABLE streams ADD COLUMN checksum INTEGER;
