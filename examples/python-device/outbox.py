"""The messages that wait on this device, in SQLite: section 9 of docs/protocol/v1.md, one transaction per line of its table."""

import json
import os
import pathlib
import sqlite3
import time
import uuid
from contextlib import contextmanager

from frames import RUN_MESSAGES, pack_entries, pack_message

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS streams (
  stream INTEGER PRIMARY KEY, epoch BLOB NOT NULL, queue TEXT NOT NULL, priority INTEGER NOT NULL,
  last INTEGER NOT NULL,            -- the last number given to a message
  acknowledged INTEGER NOT NULL,    -- up to here we have stored what became of every message
  lost INTEGER NOT NULL DEFAULT 0,  -- up to here it was acknowledged once, by a gateway that has forgotten it since
  lost_generation BLOB,             -- which generation of the gateway's store had acknowledged it
  UNIQUE (epoch, queue, priority));
CREATE TABLE IF NOT EXISTS messages (
  position INTEGER PRIMARY KEY AUTOINCREMENT,   -- the order of saving
  stream INTEGER NOT NULL, number INTEGER NOT NULL, id BLOB NOT NULL, bytes BLOB NOT NULL,
  boot TEXT NOT NULL, saved_at REAL NOT NULL,   -- monotonic seconds, of this boot of the machine
  offered INTEGER NOT NULL DEFAULT 0,           -- was once part of a push
  skip TEXT,                                    -- why it will never come
  UNIQUE (stream, number));
CREATE TABLE IF NOT EXISTS set_aside (id BLOB PRIMARY KEY, code TEXT NOT NULL, bytes BLOB NOT NULL);
"""
PUSH_MESSAGES, PUSH_BYTES, PUSH_RUNS = 2000, 1024 * 1024, 256


def boot_id():
    """Monotonic clocks of two boots have nothing to do with each other."""
    path = pathlib.Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else uuid.uuid4().hex


class Outbox:
    def __init__(self, file):
        self.boot = boot_id()
        # A new epoch at every start, never taken up again: whatever happens to the file, no number is given twice.
        self.epoch = os.urandom(16)
        self.database = sqlite3.connect(file, isolation_level=None, timeout=60)
        # In this order: WAL for other processes, FULL so that a power loss undoes no commit. Believed only when read back.
        settings = ("journal_mode=WAL", "synchronous=FULL", "synchronous")
        modes = [self.database.execute(f"PRAGMA {setting}").fetchone() for setting in settings]
        if modes[0] != ("wal",) or modes[2] != (2,):
            raise SystemExit(f"{file} does not give the durability asked for: {modes}")
        with self.transaction():
            for statement in SCHEMA.split(";\n"):
                self.database.execute(statement)
            self.database.execute("INSERT OR IGNORE INTO facts VALUES ('device', ?)", (uuid.uuid4().bytes,))
        self.device = self.fact("device")

    def renew_device(self):
        """Takes another device id, because another copy of this database goes by the one it has. Messages keep theirs."""
        with self.transaction():
            self.database.execute("UPDATE facts SET value = ? WHERE name = 'device'", (uuid.uuid4().bytes,))
            self.database.execute("DELETE FROM facts WHERE name IN ('session-number', 'session-nonce')")
        self.device, self.epoch = self.fact("device"), os.urandom(16)

    @contextmanager
    def transaction(self):
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            self.database.execute("ROLLBACK")
            raise

    def fact(self, name):
        row = self.database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def store_facts(self, **facts):
        with self.transaction():
            self.database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def save(self, queue, priority, body, properties):
        """Saves a message for good and returns its id. Its number is drawn in the transaction that stores it."""
        now = time.time_ns() // 1_000_000
        tail = bytearray(os.urandom(10))
        tail[0], tail[2] = 0x70 | tail[0] & 0x0F, 0x80 | tail[2] & 0x3F
        message_id = now.to_bytes(6, "big") + bytes(tail)
        encoded = pack_message(message_id, body, properties)
        with self.transaction():
            stream, number = self.database.execute(
                "INSERT INTO streams (epoch, queue, priority, last, acknowledged) VALUES (?, ?, ?, 1, 0) "
                "ON CONFLICT DO UPDATE SET last = last + 1 RETURNING stream, last", (self.epoch, queue, priority)).fetchone()
            self.database.execute(
                "INSERT INTO messages (stream, number, id, bytes, boot, saved_at) VALUES (?, ?, ?, ?, ?, ?)",
                (stream, number, message_id, encoded, self.boot, time.monotonic()))
        return message_id

    def cancel(self, message_id):
        """Takes back what was never part of a push. Returns whether it was so."""
        with self.transaction():
            return self.database.execute(
                "UPDATE messages SET skip = 'cancelled' WHERE id = ? AND offered = 0", (message_id,)).rowcount == 1

    def waiting(self):
        """What a hello tells of this device."""
        count, size, oldest = self.database.execute(
            "SELECT count(*), coalesce(sum(length(bytes)), 0), min(CASE boot WHEN ? THEN saved_at END) FROM messages", (self.boot,)).fetchone()
        streams = self.database.execute(
            "SELECT epoch, queue, priority, acknowledged FROM streams WHERE last > acknowledged ORDER BY stream LIMIT 1024")
        return (dict(messages=count, bytes=size, oldestAgeMs=self.age_ms(self.boot, oldest)),
                [dict(zip(("epoch", "queue", "priority", "acknowledged"), row)) for row in streams])

    def age_ms(self, boot, saved_at):
        return int((time.monotonic() - saved_at) * 1000) if boot == self.boot and saved_at is not None else 0

    def next_runs(self, attempts, stalled):
        """The runs of the next push, marked as offered before they are handed out. `stalled` holds (queue, priority)."""
        runs, last, size, offered = self.lost_runs(attempts), {}, 0, []
        rows = self.database.execute(
            "SELECT position, stream, number, id, bytes, boot, saved_at, skip, epoch, queue, priority, acknowledged "
            "FROM messages JOIN streams USING (stream) WHERE queue || '/' || priority NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY priority DESC, position LIMIT ?",
            (json.dumps([f"{queue}/{priority}" for queue, priority in stalled]), PUSH_MESSAGES))
        for position, stream, number, message_id, encoded, boot, saved_at, skip, epoch, queue, priority, acknowledged in rows:
            lane = (queue, priority)
            size += len(encoded) + 64
            # The run that the message before it in the lane went into, if there is one.
            run, before = last.get(lane, (None, None))
            continues = run and (run["epoch"], run["first"] + len(run["messages"])) == (epoch, number) and len(run["messages"]) < RUN_MESSAGES
            if runs and size > PUSH_BYTES or not continues and len(runs) == PUSH_RUNS:
                break
            if not continues:
                run = dict(epoch=epoch, queue=queue, priority=priority, first=number, acknowledged=acknowledged,
                           attempt=attempts.get(stream, 0), ageMs=self.age_ms(boot, saved_at), messages=[], skips=[])
                if before and before["epoch"] != epoch:
                    run["after"] = before
                runs.append(run)
            if skip:
                run["skips"].append(dict(index=len(run["messages"]), id=message_id, code=skip))
            run["messages"].append(b"" if skip else encoded)
            last[lane] = (run, dict(epoch=epoch, number=number))
            offered.append((position,))
        with self.transaction():
            self.database.executemany("UPDATE messages SET offered = 1 WHERE position = ? AND offered = 0", offered)
        return [{**run, "messages": pack_entries(run["messages"])} for run in runs]

    def lost_runs(self, attempts):
        """Runs without messages that say which numbers are gone for good: we keep nothing that was acknowledged."""
        rows = self.database.execute(
            "SELECT stream, epoch, queue, priority, acknowledged, lost, lost_generation FROM streams WHERE lost > acknowledged LIMIT ?",
            (PUSH_RUNS // 2,))
        return [dict(epoch=epoch, queue=queue, priority=priority, first=lost + 1, acknowledged=acknowledged,
                     attempt=attempts.get(stream, 0), ageMs=0, messages=[],
                     lost={"first": acknowledged + 1, **({} if generation is None else {"generation": generation})})
                for stream, epoch, queue, priority, acknowledged, lost, generation in rows]

    def settle(self, state, attempt):
        """Takes one stream state of an ack or a welcome. Returns (stream, whether it got further, problem or None), or
        None when the state is to be ignored."""
        with self.transaction():
            row = self.database.execute("SELECT stream, acknowledged, last FROM streams WHERE epoch = ? AND queue = ? AND priority = ?",
                                        (state["epoch"], state["queue"], state["priority"])).fetchone()
            if row is None or state["since"] > row[1] or attempt is not None and state["attempt"] < attempt(row[0]):
                return None
            stream, accepted = row[0], state["accepted"]
            up_to = "FROM messages WHERE stream = ? AND number <= ?"
            stall = state.get("stall", {}).get("code")
            if stall == "epoch-retired":
                self.database.execute(f"INSERT OR IGNORE INTO set_aside SELECT id, 'epoch-retired', bytes {up_to}", (stream, row[2]))
                self.database.execute(f"DELETE {up_to}", (stream, row[2]))
                self.database.execute("UPDATE streams SET acknowledged = last, lost = 0 WHERE stream = ?", (stream,))
                self.epoch = os.urandom(16) if state["epoch"] == self.epoch else self.epoch
                return stream, True, "the gateway has forgotten what it held of a stream: what waited is set aside"
            if accepted < row[1] and stall:
                return stream, False, None   # a stall may hide how far the stream is
            if accepted < row[1]:
                self.database.execute(
                    "UPDATE streams SET acknowledged = ?, lost = max(lost, acknowledged), "
                    "lost_generation = (SELECT value FROM facts WHERE name = 'generation') WHERE stream = ?", (accepted, stream))
                return stream, True, "the gateway holds less than it confirmed: it was restored from an older copy"
            for lost in state.get("lost", []):
                if self.database.execute("SELECT 1 FROM messages WHERE stream = ? AND number BETWEEN ? AND ?",
                                         (stream, lost["first"], lost["last"])).fetchone():
                    return stream, False, "the gateway knows a message of ours to be lost: it goes again"
            ours = self.database.execute("SELECT id FROM messages WHERE stream = ? AND number = ?", (stream, accepted)).fetchone()
            if ours and ours[0] != state["acceptedId"]:
                self.database.execute(f"INSERT OR IGNORE INTO set_aside SELECT id, 'in-doubt', bytes {up_to}", (stream, accepted))
                problem = "the gateway holds another message under a number of ours: set aside as in doubt"
                self.epoch = os.urandom(16)
            else:
                fates = [(fate["code"], stream, fate["number"]) for fate in state.get("refusals", []) + state.get("skips", [])]
                self.database.executemany(
                    "INSERT OR IGNORE INTO set_aside SELECT id, ?, bytes FROM messages WHERE stream = ? AND number = ?", fates)
                problem = None
            self.database.execute(f"DELETE {up_to}", (stream, accepted))
            self.database.execute("UPDATE streams SET acknowledged = ? WHERE stream = ?", (accepted, stream))
            return stream, accepted > row[1], problem
