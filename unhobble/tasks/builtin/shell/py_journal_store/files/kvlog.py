"""A small key-value store that keeps its data in one append-only file. FORMAT.md describes the file."""

import copy
import json
import os
import re
import zlib
from contextlib import contextmanager

HEADER = re.compile(rb"([0-9a-f]+) (-?[0-9]+)\n")


def encode(entry):
    """The bytes of one record."""
    payload = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return b"%x %d\n%s\n" % (zlib.crc32(payload.encode()), len(payload), payload.encode())


def decode(data, position):
    """The entry of the record at this position and the position behind it, or None if there is no sound record."""
    match = HEADER.match(data, position)
    if not match:
        return None
    end = match.end() + int(match[2])
    payload = data[match.end() : end]
    if zlib.crc32(payload) != int(match[1], 16):
        return None
    return json.loads(payload), end + 1


def replay(data):
    """The state that the file's bytes lead to, and how many of the bytes are worth keeping."""
    state = {}
    pending = None  # the state inside a transaction
    sound = position = 0
    while record := decode(data, position):
        entry, position = record
        if entry[0] == "begin":
            pending = state
            continue
        if entry[0] == "commit":
            state, pending = pending, None
        else:
            target = state if pending is None else pending
            if entry[0] == "set":
                target[entry[1]] = entry[2]
            else:
                target.pop(entry[1], None)
        sound = position
    return state, sound


class Store:
    def __init__(self, path):
        self.path = path
        data = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                data = file.read()
        self.state, sound = replay(data)
        self.buffer = None  # entries of the transaction that is under way
        self.file = open(path, "ab")

    def append(self, entries):
        self.file.write(b"".join(encode(entry) for entry in entries))
        self.file.flush()

    def record(self, entry):
        if self.buffer is None:
            self.file.write(encode(entry))
        else:
            self.buffer.append(entry)

    def get(self, key, default=None):
        return self.state.get(key) or default

    def set(self, key, value):
        self.state[key] = copy.copy(value)
        self.record(["set", key, value])

    def delete(self, key):
        if key not in self.state:
            raise KeyError(key)
        self.record(["del", key])
        del self.state[key]

    def keys(self):
        return sorted(self.state)

    @contextmanager
    def transaction(self):
        if self.buffer is not None:
            raise RuntimeError("a transaction is under way")
        before = self.state
        self.buffer = []
        try:
            yield self
        except Exception:
            self.state = before
            self.buffer = []
            raise
        entries, self.buffer = self.buffer, None
        if entries:
            self.append([["begin"], *entries, ["commit"]])

    def compact(self):
        """Rewrite the file so that it holds one record for each key, in the order of the keys."""
        fresh = self.path + ".new"
        with open(fresh, "wb") as file:
            for key in self.state:
                file.write(encode(["set", key, self.state[key]]))
        os.replace(fresh, self.path)

    def close(self):
        self.file.close()
