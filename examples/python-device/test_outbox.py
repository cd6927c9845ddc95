"""What the outbox does with answers that a good gateway seldom gives: python3 -m unittest test_outbox"""

import os
import sqlite3
import tempfile
import unittest

from frames import unpack_entries
from outbox import Outbox


class OutboxTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "outbox.db")
        self.outbox = self.open()

    def open(self, file=None):
        outbox = Outbox(file or self.file)
        self.addCleanup(outbox.database.close)
        return outbox

    def state(self, accepted, accepted_id=None, outbox=None, **more):
        ids = {} if accepted_id is None else {"acceptedId": accepted_id}
        return dict(epoch=(outbox or self.outbox).epoch, queue="orders", priority=3, attempt=0, accepted=accepted, since=0, **ids, **more)

    def waiting(self):
        return self.outbox.waiting()[0]["messages"]

    def set_aside(self):
        return self.outbox.database.execute("SELECT code FROM set_aside ORDER BY id").fetchall()

    def numbers(self):
        return [number for (number,) in self.outbox.database.execute("SELECT number FROM messages ORDER BY position")]

    def test_an_aborted_save_gives_its_number_back(self):
        self.outbox.save("orders", 3, b"a", {})
        self.outbox.database.execute("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        with self.assertRaises(sqlite3.IntegrityError):
            self.outbox.save("orders", 3, b"b", {})
        self.outbox.database.execute("DROP TRIGGER full")
        self.outbox.save("orders", 3, b"c", {})
        self.assertEqual(self.numbers(), [1, 2])

    def test_every_start_has_an_epoch_of_its_own_and_names_its_predecessor(self):
        self.outbox.save("orders", 3, b"a", {})
        later = self.open()
        later.save("orders", 3, b"b", {})
        first, second = self.outbox.next_runs({}, {})
        self.assertNotEqual(first["epoch"], second["epoch"])
        self.assertEqual((first["first"], second["first"]), (1, 1))
        self.assertEqual(second["after"], dict(epoch=first["epoch"], number=1))
        self.assertNotIn("after", first)

    def test_only_what_is_settled_is_forgotten(self):
        ids = [self.outbox.save("orders", 3, body, {}) for body in (b"a", b"b", b"c")]
        self.outbox.settle(self.state(2, ids[1]), None)
        self.assertEqual(self.numbers(), [3])
        [run] = self.outbox.next_runs({}, {})
        self.assertEqual((run["first"], run["acknowledged"]), (3, 2))

    def test_a_refused_message_is_set_aside_with_its_code(self):
        ids = [self.outbox.save("orders", 3, body, {}) for body in (b"a", b"b")]
        refusals = [dict(number=1, id=ids[0], code="queue-not-found")]
        self.outbox.settle(self.state(2, ids[1], refusals=refusals), None)
        self.assertEqual((self.waiting(), self.set_aside()), (0, [("queue-not-found",)]))

    def test_an_answer_that_does_not_tell_all_is_ignored(self):
        message_id = self.outbox.save("orders", 3, b"a", {})
        self.assertIsNone(self.outbox.settle({**self.state(1, message_id), "since": 1}, None))
        self.assertIsNone(self.outbox.settle(self.state(1, message_id), lambda stream: 1))
        self.assertEqual(self.waiting(), 1)

    def test_another_message_under_a_number_of_ours_puts_ours_in_doubt_and_ends_the_epoch(self):
        self.outbox.save("orders", 3, b"a", {})
        epoch = self.outbox.epoch
        _, _, problem = self.outbox.settle(self.state(1, os.urandom(16)), None)
        self.assertIn("in doubt", problem)
        self.assertEqual((self.waiting(), self.set_aside()), (0, [("in-doubt",)]))
        self.assertNotEqual(self.outbox.epoch, epoch)

    def test_what_a_gateway_that_went_back_has_forgotten_is_declared_lost_before_the_rest(self):
        ids = [self.outbox.save("orders", 3, body, {}) for body in (b"a", b"b", b"c")]
        self.outbox.store_facts(generation=b"g" * 16)
        self.outbox.settle(self.state(2, ids[1]), None)
        _, _, problem = self.outbox.settle({**self.state(1, ids[0]), "since": 2}, None)
        self.assertIn("older copy", problem)
        self.outbox.store_facts(generation=b"h" * 16)
        lost, run = self.outbox.next_runs({}, {})
        self.assertEqual((lost["first"], lost["lost"], lost["messages"]), (3, dict(first=2, generation=b"g" * 16), b""))
        self.assertEqual((run["first"], run["acknowledged"]), (3, 1))
        self.outbox.settle(self.state(3, ids[2], lost=[dict(first=2, last=2)]), None)
        self.assertEqual(self.outbox.next_runs({}, {}), [])

    def test_a_message_that_the_gateway_knows_to_be_lost_is_pushed_and_not_taken_for_delivered(self):
        ids = [self.outbox.save("orders", 3, body, {}) for body in (b"a", b"b")]
        self.outbox.settle(self.state(2, ids[1], lost=[dict(first=1, last=1)]), None)
        self.assertEqual(self.numbers(), [1, 2])
        self.outbox.settle(self.state(2, ids[1]), None)
        self.assertEqual(self.numbers(), [])

    def test_a_retired_epoch_puts_what_waits_in_doubt_and_numbers_nothing_more(self):
        self.outbox.save("orders", 3, b"a", {})
        epoch = self.outbox.epoch
        self.outbox.settle(self.state(0, stall=dict(code="epoch-retired", retryAfterMs=1)), None)
        self.assertEqual((self.waiting(), self.set_aside()), (0, [("epoch-retired",)]))
        self.assertNotEqual(self.outbox.epoch, epoch)

    def test_a_copy_gets_a_device_id_and_an_epoch_of_its_own_and_keeps_its_messages(self):
        self.outbox.save("orders", 3, b"a", {})
        self.outbox.store_facts(**{"session-number": 7, "session-nonce": b"n" * 8})
        device, epoch = self.outbox.device, self.outbox.epoch
        self.outbox.renew_device()
        self.assertNotEqual(self.outbox.device, device)
        self.assertEqual(self.outbox.device, self.open().device)
        self.assertIsNone(self.outbox.fact("session-number"))
        [run] = self.outbox.next_runs({}, {})
        self.assertEqual(run["epoch"], epoch)
        self.assertNotEqual(self.outbox.epoch, epoch)

    def test_what_was_offered_cannot_be_taken_back(self):
        first = self.outbox.save("orders", 3, b"a", {})
        self.outbox.next_runs({}, {})
        second = self.outbox.save("orders", 3, b"b", {})
        self.assertEqual((self.outbox.cancel(first), self.outbox.cancel(second)), (False, True))
        [run] = self.outbox.next_runs({}, {})
        self.assertEqual(run["skips"], [dict(index=1, id=second, code="cancelled")])
        self.assertEqual([len(entry) > 0 for entry in unpack_entries(run["messages"], 9)], [True, False])

    def test_a_stalled_lane_holds_no_other_up(self):
        self.outbox.save("orders", 3, b"a", {})
        self.outbox.save("visits", 3, b"b", {})
        self.assertEqual([run["queue"] for run in self.outbox.next_runs({}, {("orders", 3): 0})], ["visits"])


if __name__ == "__main__":
    unittest.main()
