"""Holds the codec to the protocol's golden corpus: python3 -m unittest test_corpus"""

import json
import pathlib
import unittest

import frames
from messagepack import Malformed, pack

CORPUS = pathlib.Path(__file__).parents[2] / "packages/protocol/corpus/v1"
ID_KEYS = {"device", "generation", "id", "acceptedId", "epoch", "nonce"}


def corpus_bytes(written):
    pieces = [[written, 1]] if isinstance(written, str) else written
    return b"".join(bytes.fromhex(digits) * times for digits, times in pieces)


def meaning(value, key=""):
    """What the corpus says as this program holds it: ids as bytes."""
    if isinstance(value, dict) and list(value) == ["$bytes"]:
        return corpus_bytes(value["$bytes"])
    if isinstance(value, dict):
        return {name: meaning(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [meaning(inner, "epoch" if key == "epochs" else "") for inner in value]
    return bytes.fromhex(value.replace("-", "")) if key in ID_KEYS else value


def read(kind, encoded):
    if kind == "frames":
        return frames.unpack_entries(encoded, frames.SYNC_FRAMES)
    if kind == "message":
        message_id, properties, body = frames.unpack_message(encoded)
        return {"id": message_id, "properties": properties, "body": body}
    return frames.read_frame(encoded, frames.UP if kind == "up" else frames.DOWN)


def write(kind, value):
    if kind == "frames":
        return frames.pack_entries(value)
    if kind == "message":
        return frames.pack_message(value["id"], value["body"], value["properties"])
    return pack(value)


class Corpus(unittest.TestCase):
    def test_valid(self):
        paths = sorted((CORPUS / "valid").glob("*.json"))
        self.assertGreater(len(paths), 50)
        for path in paths:
            with self.subTest(path.name):
                case = json.loads(path.read_text("utf-8"))
                encoded, value = corpus_bytes(case["bytes"]), meaning(case["decoded"])
                self.assertTrue(read(case["kind"], encoded) == value)
                self.assertTrue(read(case["kind"], write(case["kind"], value)) == value)
                if case["canonical"] and case["kind"] != "message":
                    self.assertTrue(write(case["kind"], value) == encoded)

    def test_invalid(self):
        paths = sorted((CORPUS / "invalid").glob("*.json"))
        self.assertGreater(len(paths), 300)
        for path in paths:
            with self.subTest(path.name):
                case = json.loads(path.read_text("utf-8"))
                expected = Malformed if case["code"] == "malformed-frame" else frames.BadMessage
                with self.assertRaises(expected):
                    read(case["kind"], corpus_bytes(case["bytes"]))


if __name__ == "__main__":
    unittest.main()
