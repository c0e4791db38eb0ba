import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = {"list": 2, "extract": 3, "verify": 3, "repair": 4, "create": 4}
SCRIPT = os.path.abspath("crate.py")
TEXT = Path("samples/text.txt")

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def record(kind, id, n, a, body=b"", body_crc=None):
    head = struct.pack("<4s5I", kind, id, n, a, len(body), crc(body) if body_crc is None else body_crc)
    return head + struct.pack("<I", crc(head)) + body


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def signed(value):
    return varint(2 * value if value >= 0 else -2 * value - 1)


def squeeze(data):
    """Repeated bytes only; enough to make squeezed chunks."""
    out, at = b"", 0
    while at < len(data):
        length = 1
        while at + length < len(data) and data[at + length] == data[at] and length < 132:
            length += 1
        if length >= 5:
            out += b"\0" + data[at : at + 1] + bytes([length - 1 + 124]) + b"\1\0"
        else:
            out += bytes([length - 1]) + data[at : at + length]
        at += length
    return out


class Crate:
    """A crate made of (name, permissions, time, content or None for a folder), with the places of its records."""

    def __init__(self, entries, group=8, bodies=None, sort=True):
        self.entries, self.group = sorted(entries) if sort else entries, group
        bodies = bodies or {}
        index, chunks, numbers, last, before = b"", [], {}, -1, b""
        for name, mode, time, content in self.entries:
            raw = name.encode()
            same = len(os.path.commonprefix([raw, before]))
            index += varint(same) + varint(len(raw) - same) + raw[same:] + varint(mode * 2 + (content is None)) + signed(time)
            before = raw
            if content is not None:
                index += varint(len(content))
                for at in range(0, len(content), 4096):
                    piece = content[at : at + 4096]
                    if piece not in numbers:
                        numbers[piece] = len(chunks)
                        chunks.append(piece)
                    index += signed(numbers[piece] - last)
                    last = numbers[piece]
        self.index, self.chunks, self.id = index, chunks, crc(index)
        self.places, self.data = {}, b""
        self.add("HEAD", record(b"HEAD", self.id, 1, group))
        for number in range(0, len(chunks), group):
            made = []
            for n in range(number, min(number + group, len(chunks))):
                squeezed = bodies.get(n) or squeeze(chunks[n])
                made.append(record(b"CHNK", self.id, n, len(chunks[n]), squeezed if len(squeezed) < len(chunks[n]) else chunks[n]))
                self.add(f"CHNK {n}", made[-1])
            parity = 0
            size = max(map(len, made))
            for one in made:
                parity ^= int.from_bytes(one.ljust(size, b"\0"), "little")
            self.add(f"PRTY {number // group}", record(b"PRTY", self.id, number // group, len(made), parity.to_bytes(size, "little")))
        for n in (0, 1):
            self.add(f"INDX {n}", record(b"INDX", self.id, n, len(self.entries), index))
        self.add("TAIL", record(b"TAIL", self.id, len(chunks), group))

    def add(self, name, data):
        self.places[name] = (len(self.data), len(data))
        self.data += data

    def damaged(self, *names, part="head", cut=None):
        """The data with a change in the head (or the body) of these records."""
        data = bytearray(self.data)
        for name in names:
            at, size = self.places[name]
            for where in {"head": (5, 17), "kind": (0,), "length": (16, 17, 18, 19), "head crc": (26,), "body": (size - 1,), "all": range(size)}[part]:
                data[at + where] ^= 0x5A
        return bytes(data[:cut])

    def listing(self):
        return [
            f"{'d' if content is None else 'f'} {mode:03o} {len(content or b'')} {time} " + name.replace("\\", "\\\\").replace("\n", "\\n")
            for name, mode, time, content in self.entries
        ]


def run(*arguments, cwd):
    return subprocess.run([sys.executable, "-B", "-S", "-E", "-X", "utf8", SCRIPT, *arguments], cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=20)


def call(data, command, *more, lines=None, status=0, what="", look=None):
    """Give crate.py this crate; compare what it prints and its exit status; `look` sees the folder afterwards."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "a crate")
        path.write_bytes(data)
        done = run(command, "a crate", *more, cwd=place)
        said = f"{command} {what}".strip()
        assert done.returncode == status, f"{said}: expected exit status {status}, found {done.returncode}: {done.stderr[-300:]}"
        found = done.stdout.split("\n")[:-1]
        if lines is not None and found != lines:
            where = next((i for i, (a, b) in enumerate(zip(found, lines)) if a != b), min(len(found), len(lines)))
            raise AssertionError(f"{said}: line {where + 1}: expected {lines[where : where + 1]}, printed {found[where : where + 1]} ({len(lines)} and {len(found)} lines)")
        assert path.read_bytes() == data, f"{said}: the crate was changed"
        if look:
            look(Path(place), said)


RNG = random.Random(31)
LINES = b"".join(b"%d bottles of beer on the wall, %d bottles of beer\n" % (n, n) for n in range(99, 0, -1))


def plenty():
    """All that a crate can hold, with chunks that are squeezed and chunks that are not."""
    noise = random.Random(31).randbytes(9000)
    return [
        ("a", 0o755, 1_700_000_000, None), ("a/b", 0o644, 0, b"x"), ("a-b", 0o600, -1, b""), ("a/é\n\\", 0o444, -86_400_001, LINES), ("a0", 0o700, 2**33, noise[:8500]),
        ("empty folder", 0o711, 1, None), ("z" * 200, 0o640, 127, noise[4096:8192] + bytes(8192) + noise[:4096]), ("z" * 200 + "y", 0o640, 128, bytes(4097)), ("ß", 0o007 | 0o600, 64, b"x"),
    ]


def inner():
    """A crate whose content is a crate, stored as it is, with records at odd places."""
    outer = [(f"n{i}", 0o644, i, RNG.randbytes(700)) for i in range(3)]
    small = Crate(outer, group=2).data
    return [("inner.crate", 0o644, 5, b"#" + small + RNG.randbytes(300)), ("more", 0o644, 6, small[28:] + RNG.randbytes(5000)), ("other", 0o644, 7, RNG.randbytes(4096 * 3))]


PLENTY = Crate(plenty())
SMALL = Crate(plenty(), group=1)
THREE = Crate(plenty(), group=3)
INNER = Crate(inner(), group=2)
BARE = Crate([])
FOLDERS = Crate([("a", 0o755, 5, None), ("b", 0o644, 6, b"")])


# list


def test_list_entries():
    for crate in (PLENTY, SMALL, INNER, BARE, FOLDERS):
        call(crate.data, "list", lines=crate.listing())


def test_list_needs_little():
    for names, part in ((["HEAD"], "head"), (["TAIL", "INDX 0"], "kind"), (["INDX 1", "HEAD"], "body"), (["INDX 0"], "body"), (["CHNK 0", "CHNK 3", "PRTY 0", "INDX 0"], "length"), (["CHNK 1", "CHNK 2"], "all")):
        call(INNER.damaged(*names, part=part), "list", lines=INNER.listing(), what=f"with {names} damaged")
    call(PLENTY.data[: PLENTY.places["INDX 1"][0] + 9], "list", lines=PLENTY.listing(), what="without the end")
    call(PLENTY.damaged("CHNK 0", "INDX 0", part="length"), "list", lines=PLENTY.listing(), what="with heads damaged")


def test_list_of_what_is_lost():
    for data in (PLENTY.damaged("HEAD", "TAIL"), PLENTY.damaged("INDX 0", "INDX 1", part="body"), PLENTY.damaged("HEAD", cut=-1), b"", b"HEAD", bytes(500), LINES):
        call(data, "list", lines=[], status=2, what="of a lost crate")


# extract


def compare_tree(crate, without=()):
    def look(place, said):
        root = place / "out"
        found = {str(path.relative_to(root)) for path in root.rglob("*")}
        wanted = {name for name, *_ in crate.entries if name not in without}
        parents = {str(parent) for name in wanted for parent in Path(name).parents} - {"."}
        assert found == wanted | parents, f"{said}: missing {sorted(wanted - found)[:3]}, too many {sorted(found - wanted - parents)[:3]}"
        for name, mode, time, content in crate.entries:
            if name in without:
                continue
            status = (root / name).stat()
            assert (root / name).is_dir() == (content is None), f"{said}: {name!r} is of the wrong type"
            assert status.st_mode & 0o777 == mode, f"{said}: {name!r} has permissions {status.st_mode & 0o777:o}, expected {mode:o}"
            assert status.st_mtime_ns == time * 10**9, f"{said}: {name!r} has the time {status.st_mtime}, expected {time}"
            if content is not None:
                assert (root / name).read_bytes() == content, f"{said}: {name!r} has another content"

    return look


def test_extract_everything():
    for crate in (PLENTY, THREE, INNER, BARE, FOLDERS):
        call(crate.data, "extract", "out", lines=[], look=compare_tree(crate))
    closed = Crate([("deep/er/file", 0o400, 9, b"1"), ("locked", 0o555, 7, None), ("locked/in", 0o500, 8, None), ("locked/in/file", 0o444, 3, LINES[:300])])
    call(closed.data, "extract", "out", lines=[], look=compare_tree(closed), what="of folders that may not be written")


def test_extract_squeezed_content():
    content = b"abcabcabcabcabcX" + b"y" * 140 + bytes(range(128)) + b"abcabcabcabcabcX"
    body = b"\2abc" + bytes([124 + 12]) + b"\3\0" + b"\0X" + b"\0y" + b"\xff\1\0" + bytes([124 + 8]) + b"\1\0" + b"\x7f" + bytes(range(128)) + bytes([124 + 16]) + struct.pack("<H", 284)
    crate = Crate([("f", 0o644, 1, content)], bodies={0: body})
    call(crate.data, "extract", "out", lines=[], look=compare_tree(crate))


def test_extract_leaves_out_what_is_damaged():
    cases = [
        (PLENTY, ["CHNK 0"], "body", 2), (INNER, ["CHNK 1", "HEAD"], "length", 1), (INNER, ["INDX 0", "CHNK 0", "PRTY 0", "CHNK 4"], "head", 2),
        (INNER, ["PRTY 1"], "all", 0), (THREE, ["CHNK 3", "CHNK 4"], "all", 2),
    ]
    for crate, names, part, count in cases:
        gone = {crate.chunks[int(name[5:])] for name in names if name.startswith("CHNK")}
        lost = [name for name, _, _, content in crate.entries if any((content or b"")[at : at + 4096] in gone for at in range(0, len(content or b""), 4096))]
        assert len(lost) == count, lost
        call(crate.damaged(*names, part=part), "extract", "out", lines=[f"damaged {name}" for name in lost], status=bool(lost), what=f"with {names} damaged", look=compare_tree(crate, lost))


def test_extract_refuses():
    def nothing(place, said):
        assert not (place / "out").exists() and sorted(os.listdir(place)) == ["a crate"], f"{said}: something was written"

    traps = [[name] for name in ("../x", "/tmp/x", "a/../../x", "a//b", "a/", ".", "", "a\0b")] + [["a", "a"], ["a", "a/b"], ["a", "a-", "a/b/c"]]
    for names in traps:
        crate = Crate([("A", 0o644, 1, b"fine"), *((name, 0o644, 1, b"trap") for name in names)], sort=False)
        call(crate.data, "extract", "out", lines=[], status=2, what=f"of a trap {names}", look=nothing)
    call(PLENTY.damaged("INDX 0", "INDX 1"), "extract", "out", lines=[], status=2, look=nothing)
    with tempfile.TemporaryDirectory() as place:
        Path(place, "c").write_bytes(PLENTY.data)
        Path(place, "out").mkdir()
        done = run("extract", "c", "out", cwd=place)
        assert done.returncode == 2 and not os.listdir(f"{place}/out"), "a folder that is there was used"


# verify and repair

CASES = [
    (PLENTY, [], "head", 0), (BARE, [], "head", 0), (FOLDERS, ["HEAD"], "head", 1), (BARE, ["INDX 0", "TAIL"], "all", 1),
    (PLENTY, ["CHNK 0"], "body", 1), (PLENTY, ["CHNK 6"], "head", 1), (PLENTY, ["PRTY 0", "HEAD"], "length", 1), (PLENTY, ["CHNK 1", "CHNK 2"], "body", 2), (PLENTY, ["CHNK 0", "PRTY 0"], "all", 2),
    (SMALL, [f"CHNK {n}" for n in range(6)], "all", 1), (SMALL, [f"PRTY {n}" for n in range(6)], "head crc", 1), (SMALL, ["PRTY 1", "CHNK 2"], "all", 1), (SMALL, ["CHNK 1", "PRTY 1"], "body", 2),
    (THREE, ["HEAD", "CHNK 2", "CHNK 3", "INDX 1"], "all", 1), (THREE, ["CHNK 1", "PRTY 1", "INDX 0", "TAIL"], "kind", 1),
    (INNER, ["CHNK 0", "INDX 0"], "length", 1), (INNER, ["CHNK 1", "CHNK 2"], "head", 1), (INNER, ["HEAD", "CHNK 1"], "kind", 1), (INNER, ["CHNK 0", "CHNK 1"], "head", 2), (INNER, ["CHNK 0", "CHNK 2", "CHNK 5", "TAIL"], "head", 1),
]


def cut_cases():
    for crate in (PLENTY, INNER):
        yield crate, crate.data[:-5], ["TAIL"], 1
        yield crate, crate.data[: crate.places["INDX 1"][0] + 30], ["INDX 1", "TAIL"], 1
        yield crate, crate.data[: crate.places["INDX 1"][0]], ["INDX 1", "TAIL"], 1
    yield PLENTY, PLENTY.damaged("CHNK 3", cut=-1), ["CHNK 3", "TAIL"], 1
    for data in (PLENTY.data[: PLENTY.places["INDX 0"][0] + 50], PLENTY.damaged("HEAD", cut=-1), PLENTY.damaged("HEAD", "TAIL"), PLENTY.damaged("INDX 0", "INDX 1", "CHNK 0"), b"", bytes(100)):
        yield PLENTY, data, None, 2


def all_cases():
    for crate, names, part, status in CASES:
        yield crate, crate.damaged(*names, part=part), [name for name in crate.places if name in names], status
    yield from cut_cases()


def verdict(names, status):
    return [*(names or []), ("whole", "repairable", "lost")[status]]


def test_verify():
    for crate, data, names, status in list(all_cases())[::2]:
        call(data, "verify", lines=verdict(names, status), status=status, what=f"with {names} damaged")


def test_repair():
    for crate, data, names, status in all_cases():
        def look(place, said, crate=crate, status=status):
            out = place / "out"
            assert out.exists() == (status < 2), f"{said}: OUT is {'missing' if status < 2 else 'made, though the crate is lost'}"
            assert status == 2 or out.read_bytes() == crate.data, f"{said}: OUT is not what the crate was"

        call(data, "repair", "out", lines=verdict(names, status), status=status, what=f"with {names} damaged", look=look)


# create


def unsqueeze(body, length):
    if len(body) == length:
        return body
    out, at = bytearray(), 0
    while at < len(body):
        code = body[at]
        if code < 128:
            out += body[at + 1 : at + 2 + code]
            at += code + 2
        else:
            distance = body[at + 1] | body[at + 2] << 8
            assert 1 <= distance <= len(out), f"a distance of {distance} after {len(out)} bytes"
            for _ in range(code - 124):
                out.append(out[-distance])
            at += 3
    return bytes(out)


def lay_out(root, entries):
    root.mkdir()
    for name, _, _, content in entries:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if content is None else path.write_bytes(content)
    for name, mode, time, _ in sorted(entries, reverse=True):
        os.chmod(root / name, mode)
        os.utime(root / name, ns=(time * 10**9, time * 10**9 + 999_999_999))


def created(entries, *options, group=8):
    """Have a crate made, check it against the one that is expected; return the lengths of the chunks' bodies."""
    with tempfile.TemporaryDirectory() as place:
        lay_out(Path(place, "a folder"), entries)
        for name in "cd"[: 2 if group == 1 else 1]:
            done = run("create", *options, name, "a folder", cwd=place)
            assert done.returncode == 0 and not done.stdout, f"create ended with {done.returncode} and printed {done.stdout[-200:]!r}: {done.stderr[-300:]}"
        data = Path(place, "c").read_bytes()
        assert group != 1 or data == Path(place, "d").read_bytes(), "the same folder has given two crates"
    plain = Crate(entries, group=group)
    bodies, at = {}, 28
    kinds = [name.split()[0] for name in plain.places]
    number = 0
    for kind in kinds[1:-1]:
        assert data[at : at + 4] == kind.encode(), f"at byte {at} there is {data[at : at + 4]!r}, expected {kind}"
        length = int.from_bytes(data[at + 16 : at + 20], "little")
        if kind == "CHNK":
            bodies[number] = data[at + 28 : at + 28 + length]
            number += 1
        at += 28 + length
    for n, body in bodies.items():
        assert len(body) <= len(plain.chunks[n]), f"chunk {n} has grown"
        assert unsqueeze(body, len(plain.chunks[n])) == plain.chunks[n], f"chunk {n} has another content"
    wanted = Crate(entries, group=group, bodies=bodies)
    for name, (at, size) in wanted.places.items():
        assert data[at : at + size] == wanted.data[at : at + size], f"{name} is not as it should be"
    assert len(data) == len(wanted.data), "there is something behind TAIL"
    return [len(body) for body in bodies.values()]


def test_create_what_was_read():
    readable = [(name, mode | (0o500 if content is None else 0o400), time, content) for name, mode, time, content in plenty()]
    created(readable)
    created(readable, "--group", "1", group=1)
    created(inner(), "--group", "3", group=3)
    created([])
    created([("b", 0o644, 6, b""), ("a", 0o755, 5, None), ("a/c", 0o755, 5, None), ("a.b", 0o755, 5, None), ("a.b/x", 0o644, -5, b"")])
    created([(f"f{i:03d}", 0o644, i, b"%d" % (i % 150)) for i in range(170)], "--group", "255", group=255)


def test_create_squeezes():
    sizes = created([("same", 0o644, 1, b"\xaa" * 4096 + bytes(4096) * 3 + b"b" * 50)])
    assert len(sizes) == 3 and max(sizes) <= 128, f"equal bytes have been squeezed to {sizes}"
    text = TEXT.read_bytes() if TEXT.is_file() else LINES
    sizes = created([("text", 0o644, 1, text)])
    assert sum(sizes) <= 0.7 * len(text), f"the text has been squeezed to {sum(sizes) / len(text):.0%}"


def test_create_refuses():
    with tempfile.TemporaryDirectory() as place:
        lay_out(Path(place, "folder"), [("a/b", 0o644, 1, b"x")])
        for group in ("0", "256"):
            done = run("create", "--group", group, "c", "folder", cwd=place)
            assert done.returncode == 2 and not os.path.exists(f"{place}/c"), f"--group {group}: ended with {done.returncode}"
        for target in ("b", "nowhere"):
            link = Path(place, "folder/a/link")
            link.symlink_to(target)
            done = run("create", "c", "folder", cwd=place)
            assert done.returncode == 2 and not os.path.exists(f"{place}/c"), f"a link in the folder: ended with {done.returncode}"
            link.unlink()
        os.mkfifo(f"{place}/folder/pipe")
        done = run("create", "c", "folder", cwd=place)
        assert done.returncode == 2 and not os.path.exists(f"{place}/c"), f"a pipe in the folder: ended with {done.returncode}"
