-- breaking: no
-- Producers' ids are forgotten after a while, the oldest first.

CREATE INDEX sends_by_time ON sends (sent_at);
