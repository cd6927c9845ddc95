"""The part of MessagePack that the protocol uses, strictly: section 4 of docs/protocol/v1.md."""

import struct

FRAME_BYTES = 8 * 1024 * 1024
FRAME_VALUES = 262_144
FRAME_DEPTH = 16


class Malformed(ValueError):
    """The bytes are not what the protocol says."""


def pack(value):
    """The shortest bytes of a value of None, booleans, whole numbers, texts, bytes, lists and dictionaries."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        if value < 0 or value >= 2**64:
            raise ValueError(f"{value} is no number of the protocol")
        if value < 0x80:
            return bytes([value])
        return _head(value, 0, 0, (0xCC, 0xCD, 0xCE, 0xCF))
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(len(text), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, bytes):
        return _head(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, (list, tuple)):
        return _head(len(value), 0x90, 16, (None, 0xDC, 0xDD)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        pairs = b"".join(pack(key) + pack(inner) for key, inner in value.items())
        return _head(len(value), 0x80, 16, (None, 0xDE, 0xDF)) + pairs
    raise TypeError(f"{type(value).__name__} has no form in the protocol")


def _head(number, short, short_below, formats):
    """The bytes that say a length, or a number: in one byte where there is a short form, else in 1, 2, 4 or 8 more."""
    if number < short_below:
        return bytes([short | number])
    for mark, code, below in zip(formats, "BHIQ", (2**8, 2**16, 2**32, 2**64)):
        if mark is not None and number < below:
            return struct.pack(">B" + code, mark, number)
    raise ValueError(f"{number} is too large")


def unpack(data):
    """The one value that `data` holds. Raises Malformed for anything else, whatever the bytes."""
    if len(data) > FRAME_BYTES:
        raise Malformed("too large")
    reader = _Reader(data)
    value = reader.value(1)
    if reader.offset != len(data):
        raise Malformed("bytes are left after the value")
    return value


class _Reader:
    NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
               0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    LENGTHS = {0xC4: (">B", "bytes"), 0xC5: (">H", "bytes"), 0xC6: (">I", "bytes"),
               0xD9: (">B", "text"), 0xDA: (">H", "text"), 0xDB: (">I", "text"),
               0xDC: (">H", "array"), 0xDD: (">I", "array"), 0xDE: (">H", "map"), 0xDF: (">I", "map")}

    def __init__(self, data):
        self.data, self.offset, self.values = data, 0, 0

    def value(self, depth):
        self.values += 1
        if self.values > FRAME_VALUES:
            raise Malformed("too many values")
        head = self.take(1)[0]
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 0x100
        if head < 0xC0:
            kind = "map" if head < 0x90 else "array" if head < 0xA0 else "text"
            return self.sized(kind, head & (0x1F if kind == "text" else 0x0F), depth)
        if head in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[head]
        if head in self.NUMBERS:
            return self.number(self.NUMBERS[head])
        if head in self.LENGTHS:
            form, kind = self.LENGTHS[head]
            return self.sized(kind, self.number(form), depth)
        raise Malformed(f"format {head:#x} is not used")

    def sized(self, kind, length, depth):
        if kind == "bytes":
            return bytes(self.take(length))
        if kind == "text":
            try:
                return str(self.take(length), "utf-8")
            except UnicodeDecodeError as error:
                raise Malformed("a text is not UTF-8") from error
        # Each value takes a byte or more: what cannot be there is refused before anything is set aside for it.
        if depth > FRAME_DEPTH or length * (2 if kind == "map" else 1) > len(self.data) - self.offset:
            raise Malformed(f"a {kind} is too deep or not all there")
        if kind == "array":
            return [self.value(depth + 1) for _ in range(length)]
        result = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in result or key == "__proto__":
                raise Malformed("a key is no text, stands twice, or is __proto__")
            result[key] = self.value(depth + 1)
        return result

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take(self, length):
        if length > len(self.data) - self.offset:
            raise Malformed("bytes are missing")
        self.offset += length
        return self.data[self.offset - length : self.offset]
