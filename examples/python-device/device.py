"""A device in Python's standard library: saves messages, and delivers them over HTTP. See README.md."""

import argparse
import fcntl
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

from frames import DOWN, SYNC_FRAMES, pack_entries, read_frame, unpack_entries
from messagepack import pack
from outbox import Outbox

MEDIA_TYPE = "application/vnd.fieldpost.frames"
ANSWER_TIMEOUT_S, BACKOFF_FIRST_S, BACKOFF_MAX_S = 30, 0.5, 30
ANSWER_BYTES_MAX = 16 * 1024 * 1024


class Unreachable(Exception):
    """No answer, or none of a gateway: what became of the request is not known, so it is sent again."""

    def __init__(self, reason, retry_after_s=0):
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Device:
    def __init__(self, outbox, gateway, token, pause_max_s=BACKOFF_MAX_S):
        self.outbox, self.gateway, self.token, self.pause_max_s = outbox, gateway, token, pause_max_s
        self.session = None       # of this run of the program; none until the first welcome
        self.in_force = None      # the session that a fence has told of
        self.attempts = {}        # by stream
        self.stalled = {}         # by (queue, priority): until when

    def deliver(self, until_empty):
        """Delivers what waits, for ever or until nothing does."""
        failures = 0
        while True:
            try:
                pushed = self.exchange()
                failures = 0
            except Unreachable as problem:
                failures += 1
                # Full jitter: many devices that lost the gateway at once do not come back at once.
                pause = random.uniform(0, min(self.pause_max_s, BACKOFF_FIRST_S * 2 ** (failures - 1)))
                tell(f"waiting: {problem}")
                time.sleep(max(pause, problem.retry_after_s))
                continue
            if not pushed:
                if until_empty and self.session and self.outbox.waiting()[0]["messages"] == 0:
                    return
                time.sleep(0.05)

    def exchange(self):
        """One request and what follows from its answer. Returns whether there was something to send."""
        if self.session is None:
            self.hello()
            return True
        now = time.monotonic()
        self.stalled = {lane: until for lane, until in self.stalled.items() if until > now}
        runs = self.outbox.next_runs(self.attempts, self.stalled)
        if not runs:
            return False
        for frame in self.request(dict(type="push", session=self.session, device=self.outbox.device, runs=runs)):
            if frame["type"] == "fenced":
                self.fenced(frame)
            if frame["type"] == "ack" and not self.take(frame["streams"], runs):
                raise Unreachable("nothing was taken")
        return True

    def hello(self):
        waiting, streams = self.outbox.waiting()
        number, nonce, generation = (self.outbox.fact(name) for name in ("session-number", "session-nonce", "generation"))
        frame = dict(type="hello", versions=[1, 1], device=self.outbox.device, client="python-device/1.0",
                     streams=streams, waiting=waiting)
        if number is not None:
            frame["lastSession"] = dict(number=number, nonce=nonce)
        if self.in_force is not None:
            frame["takesOver"] = self.in_force
        if generation is not None:
            frame["generation"] = generation
        for answer in self.request(frame):
            if answer["type"] == "welcome":
                # First what the states say: what was acknowledged was so under the generation before this one.
                self.attempts = {}
                self.take(answer["streams"])
                self.store_session(answer["session"], generation=answer["generation"])
                self.session, self.in_force = answer["session"], None
                return
            self.fenced(answer)

    def fenced(self, frame):
        self.session, self.in_force = None, None
        if frame["reason"] == "newer-connection":
            # We hold the lock on our database, so nobody else speaks for it: a welcome of ours was lost. Go on from there.
            # The session of our own last welcome is named beside it: by that the gateway tells copies of a device apart.
            self.in_force = frame.get("session")
            raise Unreachable("fenced: another welcome came after ours")
        if frame["reason"] == "went-back":
            raise Unreachable("fenced: the gateway was restored from an older copy")
        if frame["reason"] == "cloned":
            self.outbox.renew_device()
            raise Unreachable("fenced: another copy of this database is in use; this one has a device id of its own now")
        sys.exit(f"the gateway will have nothing more of this device: {frame['reason']}")

    def store_session(self, session, **more):
        self.outbox.store_facts(**{"session-number": session["number"], "session-nonce": session["nonce"], **more})

    def take(self, states, runs=None):
        """Stores what the gateway says of each stream; `runs` are those that it answers, if any. Returns whether there is
        any use in going on at once."""
        pushed, any_news = {}, False
        for run in runs or []:
            key = (run["epoch"], run["queue"], run["priority"])
            pushed[key] = run["first"] + len(unpack_entries(run["messages"], 4096)) - 1
        for state in states:
            settled = self.outbox.settle(state, (lambda stream: self.attempts.get(stream, 0)) if runs else None)
            if settled is None:
                continue
            stream, is_further, problem = settled
            any_news = any_news or is_further
            if problem:
                tell(problem)
            lane = (state["queue"], state["priority"])
            if "stall" in state:
                tell(f"stalled: {state['queue']}: {state['stall']['code']}")
                any_news = True
                self.stalled[lane] = time.monotonic() + state["stall"]["retryAfterMs"] / 1000
            elif state["accepted"] < pushed.get((state["epoch"], *lane), 0):
                # Something of it was passed over: go back to where the stream stands.
                self.attempts[stream] = self.attempts.get(stream, 0) + 1
        return any_news

    def request(self, *frames):
        """Sends frames and returns the gateway's."""
        body = pack_entries([pack(frame) for frame in frames])
        headers = {"Content-Type": MEDIA_TYPE, "Authorization": f"Bearer {self.token()}"}
        request = urllib.request.Request(f"{self.gateway}/v1/device/sync", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as response:
                if response.headers.get_content_type() != MEDIA_TYPE:
                    raise Unreachable("an answer that is not a gateway's")
                answer = response.read(ANSWER_BYTES_MAX)
            answers = [read_frame(entry, DOWN) for entry in unpack_entries(answer, SYNC_FRAMES)]
        except urllib.error.HTTPError as error:
            raise unreachable(error) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        if not answers:
            raise Unreachable("an answer without frames")
        for frame in answers:
            if frame["type"] == "error":
                raise Unreachable(frame["code"], frame.get("retryAfterMs", 0) / 1000)
        return answers


def unreachable(error):
    """A problem of RFC 9457, or something else's error page. A token that was not taken is asked for anew each time."""
    try:
        problem = json.loads(error.read(65_536))
        return Unreachable(str(problem["code"]), float(problem.get("retryAfterMs", 0)) / 1000)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return Unreachable(f"HTTP {error.code}")


def tell(text):
    print(text, file=sys.stderr, flush=True)


def lock(file):
    """Only who holds it drains the outbox; it ends with the process, however that ends."""
    handle = open(f"{file}.lock", "w")
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def main():
    parser = argparse.ArgumentParser(description="A Fieldpost device in Python's standard library.")
    parser.add_argument("--database", default="outbox.db")
    commands = parser.add_subparsers(dest="command", required=True)
    send = commands.add_parser("send", help="save messages: each argument, or each line of the input")
    send.add_argument("queue")
    send.add_argument("body", nargs="*")
    send.add_argument("--priority", type=int, choices=range(8), default=3)
    send.add_argument("--label")
    sync = commands.add_parser("sync", help="deliver what waits; the token comes from FIELDPOST_TOKEN")
    sync.add_argument("gateway")
    sync.add_argument("--until-empty", action="store_true")
    sync.add_argument("--pause-max", type=float, default=BACKOFF_MAX_S, help="longest pause between attempts, in seconds")
    cancel = commands.add_parser("cancel", help="take back a message that was not sent yet")
    cancel.add_argument("id")
    commands.add_parser("list", help="what waits and what was set aside, as JSON")
    options = parser.parse_args()

    outbox = Outbox(options.database)
    if options.command == "send":
        properties = {"label": options.label} if options.label else {}
        for body in options.body or (line.rstrip("\n") for line in sys.stdin):
            # Printed only after the commit: who reads the id may rely on the message.
            print(outbox.save(options.queue, options.priority, body.encode(), properties).hex(), flush=True)
    elif options.command == "cancel":
        sys.exit(None if outbox.cancel(bytes.fromhex(options.id.replace("-", ""))) else "too late: it was part of a push")
    elif options.command == "list":
        aside = [dict(id=row[0].hex(), code=row[1]) for row in outbox.database.execute("SELECT id, code FROM set_aside")]
        print(json.dumps(dict(waiting=outbox.waiting()[0], setAside=aside)))
    else:
        with lock(options.database):
            device = Device(outbox, options.gateway.rstrip("/"), lambda: os.environ["FIELDPOST_TOKEN"], options.pause_max)
            device.deliver(options.until_empty)


if __name__ == "__main__":
    main()
