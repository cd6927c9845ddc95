"""Entries, messages and frames: sections 4 to 6 of docs/protocol/v1.md. Ids stay bytes."""

import math
import re
import struct

from messagepack import Malformed, pack, unpack

NUMBER_MAX = 2**53 - 1
RUN_MESSAGES = 4096
SYNC_FRAMES = 64
PROPERTIES_BYTES = 16 * 1024
BODY_BYTES_MAX = 4 * 1024 * 1024


class BadMessage(ValueError):
    """One message is not as the protocol says; the others are not concerned."""


# Entries: byte strings, each behind its length.

def pack_entries(entries):
    return b"".join(struct.pack(">I", len(entry)) + entry for entry in entries)


def unpack_entries(data, count_max):
    entries, offset = [], 0
    while offset < len(data):
        if len(entries) == count_max or offset + 4 > len(data):
            raise Malformed("too many entries, or a length is cut off")
        start = offset + 4
        offset = start + struct.unpack_from(">I", data, start - 4)[0]
        if offset > len(data):
            raise Malformed("an entry is not all there")
        entries.append(data[start:offset])
    return entries


# What fields may be: each check takes a value and returns it as the program wants it.

def whole(least, most=NUMBER_MAX):
    def check(value):
        if isinstance(value, float) and value.is_integer() and math.copysign(1, value) > 0:
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise Malformed(f"{value!r} is not from {least} to {most}")
        return value
    return check


def text(most, least=0, pattern=None, plain=False):
    def check(value):
        # Lengths are counted in UTF-16 units.
        units = len(value.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(value, str) else -1
        if not least <= units <= most or pattern and not re.fullmatch(pattern, value):
            raise Malformed("not a text as it has to be")
        if plain and re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
            raise Malformed("control characters or half a surrogate pair")
        return value
    return check


def data(length=None):
    def check(value):
        if not isinstance(value, bytes) or length not in (None, len(value)):
            raise Malformed(f"not {length} bytes")
        return value
    return check


def array(item, most=NUMBER_MAX, least=0):
    def check(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Malformed("not an array as it has to be")
        return [item(inner) for inner in value]
    return check


def fields(**checks):
    """A map. A name with `_` behind it may be absent; what is not named is passed over."""
    def check(value):
        if not isinstance(value, dict):
            raise Malformed("not a map")
        result = {}
        for name, inner in checks.items():
            key = name.rstrip("_")
            if key in value:
                result[key] = inner(value[key])
            elif not name.endswith("_"):
                raise Malformed(f"{key} is missing")
        return result
    return check


def versions(value):
    lowest, highest = array(NUMBER, 2, 2)(value)
    if lowest > highest:
        raise Malformed("versions fall")
    return [lowest, highest]


def only_true(value):
    if value is not True:
        raise Malformed("not true")
    return value


COUNT, NUMBER = whole(0), whole(1)
UUID = EPOCH = data(16)
CODE = text(64, 1, "[a-z][a-z-]{0,63}")
STREAM = dict(epoch=EPOCH, queue=text(128, 1, "[a-z0-9][a-z0-9._-]{0,127}"), priority=whole(0, 7))
SESSION = fields(number=NUMBER, nonce=data(8))
FATE = fields(number=NUMBER, id=UUID, code=CODE)
HEARD = fields(number=NUMBER, id=UUID)
TOLD = fields(number=NUMBER, id=UUID, code=CODE, reason_=text(1024), ageMs=COUNT)


def told(value):
    fates = array(TOLD, 256, 1)(value)
    if any(one["number"] >= other["number"] for one, other in zip(fates, fates[1:])):
        raise Malformed("the numbers do not rise")
    return fates


def lost_range(value):
    lost = fields(first=NUMBER, last=NUMBER)(value)
    if lost["first"] > lost["last"]:
        raise Malformed("a lost range falls")
    return lost


def stream_state(value):
    state = fields(**STREAM, attempt=COUNT, accepted=COUNT, acceptedId_=UUID, since=COUNT, refusals_=array(FATE),
                   skips_=array(FATE), taken_=NUMBER, lost_=array(lost_range, 16),
                   stall_=fields(code=CODE, retryAfterMs=COUNT))(value)
    if (state["accepted"] == 0) != ("acceptedId" not in state):
        raise Malformed("acceptedId goes with accepted")
    if state.get("taken", state["accepted"] + 1) <= state["accepted"]:
        raise Malformed("taken is above accepted")
    return state


RUN = fields(**STREAM, first=NUMBER, acknowledged=COUNT, attempt=COUNT, ageMs=COUNT,
             after_=fields(epoch=EPOCH, number=NUMBER), lost_=fields(first=NUMBER, generation_=UUID), again_=only_true, atomic_=NUMBER,
             messages=data(),
             skips_=array(fields(index=COUNT, id=UUID, code=CODE), RUN_MESSAGES))
UP = {
    "hello": fields(versions=versions, device=UUID, lastSession_=SESSION, takesOver_=SESSION, generation_=UUID,
                    client_=text(64, plain=True), streams=array(fields(**STREAM, acknowledged=COUNT), 1024),
                    fates_=fields(heard_=HEARD),
                    waiting=fields(messages=COUNT, bytes=COUNT, oldestAgeMs=COUNT)),
    "push": fields(session=SESSION, device_=UUID, runs=array(RUN, 256, 1)),
    "close-epochs": fields(session=SESSION, device_=UUID, epochs=array(EPOCH, 1024, 1)),
    "confirm": fields(session=SESSION, device_=UUID, fates=HEARD),
    "token": fields(token=text(16 * 1024, 1)),
}
DOWN = {
    "welcome": fields(version=NUMBER, session=SESSION, generation=UUID, streams=array(stream_state), serverTimeMs=COUNT,
                      limits=fields(frameBytes=NUMBER, bodyBytes=NUMBER, runMessages=NUMBER, windowMessages=NUMBER,
                                    windowBytes=NUMBER)),
    "ack": fields(streams=array(stream_state)),
    "fates": fields(restart_=only_true, fates=told),
    "fenced": fields(reason=text(64, 1, "newer-connection|revoked|upgrade-required|went-back|cloned"), session_=SESSION),
    "error": fields(code=CODE, detail=text(1024), retryAfterMs_=COUNT),
}


def read_frame(encoded, kinds):
    """The frame in these bytes; `kinds` is UP or DOWN."""
    value = unpack(encoded)
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise Malformed("not a frame of this direction")
    return {"type": kind, **kinds[kind](value)}


# Messages: id, length of the properties, properties, body.

def headers(value):
    if not isinstance(value, dict) or len(value) > 32 or "" in value:
        raise Malformed("not headers")
    for part in [*value.keys(), *value.values()]:
        text(NUMBER_MAX, plain=True)(part)
    if sum(len(part.encode()) for pair in value.items() for part in pair) > 8192:
        raise Malformed("too many bytes of headers")
    return value


TOKEN = text(128, 1, plain=True)
DURATION = whole(0, 10 * 365 * 24 * 60 * 60 * 1000)
PROPERTIES = fields(contentType_=text(255, 1, plain=True), headers_=headers, label_=text(250, plain=True),
                    correlationId_=TOKEN, replyTo_=TOKEN, traceparent_=text(128, plain=True), replaces_=TOKEN,
                    timeToReachQueueMs_=DURATION, timeToLiveMs_=DURATION, deliverAfterMs_=DURATION, groupId_=TOKEN,
                    ack_=text(7, 4, "none|reach|receive|full"))


def pack_message(message_id, body, properties):
    encoded = pack(PROPERTIES(properties)) if properties else b""
    if len(encoded) > PROPERTIES_BYTES or len(body) > BODY_BYTES_MAX:
        raise BadMessage("the properties or the body are too large")
    return message_id + struct.pack(">H", len(encoded)) + encoded + body


def unpack_message(encoded):
    """(id, properties, body) of a message's bytes."""
    if len(encoded) < 18:
        raise BadMessage("too short")
    start = 18 + struct.unpack_from(">H", encoded, 16)[0]
    if start > len(encoded) or start - 18 > PROPERTIES_BYTES or len(encoded) - start > BODY_BYTES_MAX:
        raise BadMessage("cut off or too large")
    try:
        properties = PROPERTIES(unpack(encoded[18:start])) if start > 18 else {}
    except Malformed as error:
        raise BadMessage(str(error)) from error
    return encoded[:16], properties, encoded[start:]
