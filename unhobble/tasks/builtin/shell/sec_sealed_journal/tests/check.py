import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

STAGES = {"script": 1, "dump": 3, "verify": 2, "rebuild": 2, "damage": 2, "audit": 3}

MAGIC = b"AJ01"
KEY = bytes(range(7, 39))
T = 1_770_000_000_000

INNER = r"""# settings of the journal, written by housekeeping
conf=/etc/journal.d/99-local.conf
{
    printf 'seal.interval = %s\n' 86400
    printf 'seal.keep_keys = %s\n' yes
    printf 'rotate = "%s"\n' "14 days; 5% free"
    printf 'exclude = %s\n' 'user:svc-*'   # '"$HOME"' stays as it is
} > "$conf"
logger -t housekeeping "wrote $conf ($?)"
"""


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def frame(kind, body):
    data = kind + len(body).to_bytes(4, "big") + body
    return data + zlib.crc32(data).to_bytes(4, "big")


def entry_body(seq, time, prev, fields):
    words = [word.encode() for pair in fields for word in pair]
    return seq.to_bytes(8, "big") + time.to_bytes(8, "big") + prev + b"".join(varint(len(word)) + word for word in words)


def sha(data):
    return hashlib.sha256(data).digest()


def chain(contents, prev=None, first=1):
    """Bodies of entries, one for each (time, fields), each with the hash of the one before."""
    bodies, prev = [], prev or sha(MAGIC)
    for seq, (time, fields) in enumerate(contents, first):
        bodies.append(entry_body(seq, time, prev, fields))
        prev = sha(bodies[-1])
    return bodies


def seal_body(epoch, body, key=KEY, turns=None):
    """The seal of an entry; ``turns`` is for a key of another epoch than the one that is named."""
    for _ in range(epoch if turns is None else turns):
        key = hmac.digest(key, b"next", "sha256")
    head = epoch.to_bytes(4, "big") + body[:8] + sha(body)
    return head + hmac.digest(key, head, "sha256")


def E(body):
    return frame(b"E", body)


def S(epoch, body, **how):
    return frame(b"S", seal_body(epoch, body, **how))


def simple(count, start=0):
    return [(T + 1000 * n, [("event", "tick"), ("n", str(n))]) for n in range(start, start + count)]


def journal(*words):
    done = subprocess.run([sys.executable, "-B", "journal.py", *map(str, words)], capture_output=True, text=True, encoding="utf-8", timeout=20)
    assert done.returncode == 0, f"journal.py {words[0]} failed: {done.stderr[-300:]}"
    return done.stdout.splitlines()


def run(command, *contents, out=False):
    """Call a command with files of these contents; the lines it prints, or with ``out`` also the bytes of the file it writes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.bin") for number in range(len(contents))]
        for path, data in zip(paths, contents):
            path.write_bytes(data)
        if not out:
            return journal(command, *paths)
        target = Path(folder, "out")
        lines = journal(command, paths[0], target, *paths[1:])
        assert target.is_file(), f"{command} wrote no file"
        return lines, target.read_bytes()


def same(found, expected):
    expected = expected.split("\n")[1:-1] if isinstance(expected, str) else expected
    for number, (right, line) in enumerate(zip(expected, found), 1):
        assert line == right, f"line {number}: expected {right!r}, found {line!r}"
    assert len(found) == len(expected), f"expected {len(expected)} lines, found {len(found)}"


def dump(*parts, magic=MAGIC):
    """Check the dump of a file made of parts: ("E", body, fields), ("S", body), or bytes of a gap."""
    data, expected = magic, []
    for part in parts:
        where = {"offset": len(data)}
        if isinstance(part, bytes):
            data += part
            expected.append({**where, "kind": "gap", "bytes": len(part)})
            continue
        body = part[1]
        data += frame(part[0].encode(), body)
        if part[0] == "E":
            seq, time = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
            links = {"prev": body[16:48].hex(), "hash": sha(body).hex()}
            expected.append({**where, "kind": "entry", "seq": seq, "time": time, **links, "fields": [list(pair) for pair in part[2]]})
        else:
            numbers = {"epoch": int.from_bytes(body[:4], "big"), "seq": int.from_bytes(body[4:12], "big")}
            expected.append({**where, "kind": "seal", **numbers, "hash": body[12:44].hex(), "tag": body[44:].hex()})
    same([json.loads(line) for line in run("dump", data)], expected)


def told(fields, seq=1, time=T):
    return ("E", entry_body(seq, time, sha(MAGIC), fields), fields)


def test_script_innermost():
    path = Path("inner.sh")
    assert path.is_file(), "inner.sh does not exist"
    assert path.read_text().rstrip("\n") == INNER.rstrip("\n"), "inner.sh is not the innermost script"


def test_dump_sound_files():
    one = told([("event", "act"), ("", ""), ("key", "x" * 127), ("key", "x" * 128), ("größe", "ü" * 9000), ("a;b", "1\n2\"\\")])
    dump(one, ("S", seal_body(0, one[1])), told([], 2**63, 2**64 - 1), ("S", seal_body(999, one[1], turns=0)), told([("k", "E\0\0\0\0S")], 0, 0))
    dump()


def test_dump_damaged_files():
    one, two = told([("event", "one")]), told([("text", "two")], 2, T + 1)
    flipped = bytearray(E(two[1]))
    flipped[20] ^= 1
    dump(one, bytes(flipped), two, b"E\0\0", one, E(two[1])[:-1])
    dump(b"AJ02", one, frame(b"X", two[1]), two, magic=b"")
    dump(one, two, magic=b"")
    dump(b"AJ0", magic=b"")
    dump(b"AJ01", one, b"E\0\1\0\0" + bytes(30), two)
    dump(b"E\xff\xff\xff\xff", one, E(one[1])[:9] + b"S")


def test_dump_records_with_bodies_that_are_not_well_formed():
    head = entry_body(9, T, bytes(32), [])
    bad = [
        head[:47],
        head + b"\1k",
        head + b"\1k\2v",
        head + b"\1k\1\xff",
        head + b"\1k\1v\1",
        head + b"\1k\x80\x80\x80\x80\x80\0",
        head + b"\1k\xff\xff\xff\xff\x0f" + b"v",
    ]
    for body in bad:
        dump(told([("a", "b")]), frame(b"E", body), told([("c", "d")], 2))
    seal = seal_body(0, head)
    dump(frame(b"S", seal + b"\0"), ("S", seal), frame(b"S", seal[:-1]), told([("c", "d")], 2))


def test_dump_finds_a_record_within_a_damaged_one():
    inner = told([("inner", "yes")], 5)
    body = entry_body(2, T, bytes(32), [("k", "v")]) + b"\4data" + varint(len(E(inner[1]))) + E(inner[1])
    whole = frame(b"E", body)
    at = whole.index(E(inner[1]))
    dump(whole[:at], inner, whole[at + len(E(inner[1])) :], told([("c", "d")], 2))


BODIES = chain(simple(30))
KEY_FILE = f"{KEY.hex()}\n".encode()


def test_verify_sound_journals():
    data = MAGIC + b"".join(E(b) + (S(n // 7, b) if n % 7 == 6 else b"") for n, b in enumerate(BODIES))
    same(run("verify", data, KEY_FILE), ["seal 0 7 good", "seal 1 14 good", "seal 2 21 good", "seal 3 28 good", "trusted 28", "other 2"])
    same(run("verify", MAGIC + E(BODIES[0]), KEY_FILE), ["trusted 0", "other 1"])
    same(run("verify", b"", KEY_FILE), ["trusted 0", "other 0"])
    same(run("verify", MAGIC + E(BODIES[0]) + S(1000, BODIES[0]), KEY_FILE), ["seal 1000 1 good", "trusted 1", "other 0"])


def test_verify_orders_and_copies_do_not_matter():
    data = S(5, BODIES[9]) + b"".join(map(E, reversed(BODIES[:12]))) + S(2, BODIES[4]) + E(BODIES[3]) + E(BODIES[11]) + S(2, BODIES[4])
    same(run("verify", data, KEY_FILE), ["seal 5 10 good", "seal 2 5 good", "seal 2 5 good", "trusted 10", "other 3"])


def test_verify_forged_and_dangling_seals():
    other = sha(b"somebody else's")
    again = chain([(T + 77, [("event", "forged")]), *simple(6, 5)], prev=sha(BODIES[3]), first=5)
    data = MAGIC + b"".join(map(E, BODIES[:4])) + S(0, BODIES[2]) + b"".join(map(E, again))
    data += S(1, BODIES[7]) + S(2, again[-1], key=other) + S(2, again[-1], turns=1) + S(0, again[0], turns=1) + S(3, BODIES[3])
    expected = ["seal 0 3 good", "seal 1 8 dangling", "seal 2 11 forged", "seal 2 11 forged", "seal 0 5 forged", "seal 3 4 good"]
    same(run("verify", data, KEY_FILE), [*expected, "trusted 4", "other 7"])


def test_verify_chains_that_only_look_complete():
    late = chain(simple(3, 10), first=2)
    skipped = [BODIES[0], entry_body(3, T + 9, sha(BODIES[0]), [("n", "3")])]
    fifth = entry_body(5, T + 9, sha(BODIES[0]), [("n", "5")])
    skipped += [fifth, entry_body(3, T + 10, sha(fifth), [("n", "3")])]
    wrong = bytearray(seal_body(0, BODIES[0]))
    wrong[11] = 2
    wrong[44:] = hmac.digest(KEY, bytes(wrong[:44]), "sha256")
    data = MAGIC + b"".join(map(E, [*late, *skipped])) + S(1, late[2]) + S(2, skipped[1]) + S(4, skipped[3]) + frame(b"S", bytes(wrong))
    same(run("verify", data, KEY_FILE), ["seal 1 4 dangling", "seal 2 3 dangling", "seal 4 3 dangling", "seal 0 2 dangling", "trusted 0", "other 7"])


def test_rebuild_from_several_damaged_copies():
    ends = {4: 0, 9: 1, 14: 3, 19: 4, 24: 7}
    whole = MAGIC + b"".join(E(b) + (S(ends[n], b) if n in ends else b"") for n, b in enumerate(BODIES))
    right = MAGIC + b"".join(E(b) + (S(ends[n], b) if n in ends else b"") for n, b in enumerate(BODIES[:25]))
    size = len(E(BODIES[12]))
    first = whole[:700] + bytes(size * 3) + whole[700 + size * 3 :]
    second = whole[:1000]
    forged = chain(simple(40, 50), prev=sha(BODIES[6]), first=8)
    third = b"".join(map(E, forged)) + S(9, forged[-1], turns=8) + b"".join(map(E, BODIES[20:30])) + S(7, BODIES[24]) + S(8, BODIES[9])
    right = right.replace(S(1, BODIES[9]), S(1, BODIES[9]) + S(8, BODIES[9]))
    lines, data = run("rebuild", KEY_FILE, first, second, third, out=True)
    same(lines, ["rebuilt 25"])
    assert data == right, "the journal that was rebuilt is another one"


def test_rebuild_goes_no_further_than_what_is_complete():
    parts = [b"".join(map(E, BODIES[:9])) + S(1, BODIES[5]), b"".join(map(E, BODIES[10:])) + S(2, BODIES[20]) + S(0, BODIES[5])]
    lines, data = run("rebuild", KEY_FILE, *parts, out=True)
    same(lines, ["rebuilt 6"])
    assert data == MAGIC + b"".join(map(E, BODIES[:6])) + S(0, BODIES[5]) + S(1, BODIES[5]), "it ends otherwise than at the last seal with a chain"
    lines, data = run("rebuild", KEY_FILE, parts[1], S(3, BODIES[2], turns=2) + b"".join(map(E, BODIES[:5])), out=True)
    same(lines, ["rebuilt 0"])
    assert data == MAGIC, "without a sound seal nothing but the first four bytes is written"


def test_damage():
    contents = simple(9)
    contents[3] = (T + 3000, [("event", "act"), ("needs", "a"), ("needs", "b"), ("what", "x"), ("Zone", "1")])
    contents[6] = (T + 6000, [("k", "1"), ("j", "2")])
    truth = MAGIC + b"".join(map(E, chain(contents)))
    changed = contents[:]
    changed[3] = (T + 3000, [("event", "act"), ("needs", "b"), ("Zone", "2"), ("what", "x"), ("ähm", ""), ("by", "z")])
    changed[6] = (T + 6000, [("j", "2"), ("k", "1")])
    changed[7] = (T + 7001, changed[7][1])
    changed[8] = (T + 8000, [("event", "tick")])
    del changed[1]
    bodies = chain(changed)
    extra = [entry_body(3, T + 4000, sha(b"x"), [("event", "other")]), entry_body(12, T - 1, sha(MAGIC), []), entry_body(4, T + 4000, bytes(32), [])]
    data = b"".join(map(E, [extra[1], bodies[0], bodies[1], extra[0], *bodies[2:], extra[2], bodies[0], extra[1]]))
    expected = """
removed 2
renumbered 3 2
rechained 3
altered 4 Zone by needs ähm
renumbered 4 3
rechained 4
altered 5 event n
renumbered 5 3
rechained 5
repeated 5 2
renumbered 6 5
rechained 6
renumbered 7 6
rechained 7
removed 8
altered 9 n
renumbered 9 8
rechained 9
inserted 1769999999999 12
inserted 1770000007001 7
inserted 1769999999999 12
"""
    same(run("damage", truth, data), "\nrepeated 1 1" + expected)


def test_damage_none():
    assert run("damage", MAGIC + E(BODIES[0]), MAGIC) == ["removed 1"]
    assert run("damage", MAGIC + E(BODIES[0]), b"xx" + E(BODIES[0])) == []


def audit(events, expected):
    contents = []
    for number, line in enumerate(events.strip().splitlines(), 1):
        at, *words = line.split()
        assert int(at) >= number
        contents.append((T + int(at), [tuple(word.replace("T+", str(T)[:-3]).split("=")) for word in words]))
    same(run("audit", MAGIC + b"".join(map(E, chain(contents)))), expected)


def test_audit_roles_begin_and_end():
    events = """
1 event=act by=ann needs=read what=x
2 event=grant by=root to=ann role=read
3 event=act by=ann needs=read what=x
4 event=grant by=ann to=ben role=read
5 event=act by=ben needs=read what=x
6 event=grant by=root to=ben role=write until=T+010
7 event=act by=ben needs=write needs=read needs=write needs=exec needs=read what=x
9 event=act by=ben needs=write what=x
10 event=act by=ben needs=write what=x
11 event=grant by=root to=ben role=write until=T+020
12 event=grant by=root to=ben role=write until=T+014
15 event=act needs=write by=ben what=x
16 event=revoke by=ann from=ben role=write
17 event=act by=ben needs=write what=x
18 event=revoke by=root from=ben role=write
19 event=act by=ben needs=write what=x
20 event=act by=ben what=nothing
21 event=act by=root needs=admin what=x
22 event=act by=root needs=read what=x
23 event=revoke by=root from=root role=admin
24 event=act by=root needs=admin what=x
25 event=note by=eve needs=admin
26 by=eve needs=admin
27 event=grant by=root to=cem role=read until=T+027
28 event=act by=cem needs=read what=x
"""
    expected = """
unauthorised 1 ann read
void 4
unauthorised 5 ben read
unauthorised 7 ben read exec
unauthorised 9 ben write
void 13
unauthorised 16 ben write
unauthorised 19 root read
unauthorised 25 cem read
"""
    audit(events, expected)


def test_audit_revocations_that_go_on():
    events = """
1 event=grant by=root to=ann role=admin
2 event=grant by=ann to=ben role=admin until=T+006
3 event=grant by=ben to=cem role=read
4 event=grant by=ben to=ann role=admin
5 event=grant by=ann to=dan role=read
7 event=grant by=ben to=eve role=read
8 event=grant by=root to=cem role=read
9 event=revoke by=root from=ann role=write cascade=no
10 event=act by=dan needs=read what=x
11 event=revoke by=root from=ann role=read cascade=yes
12 event=act by=dan needs=read what=x
13 event=act by=cem needs=read what=x
14 event=act by=ann needs=admin what=x
15 event=grant by=ann to=fay role=admin
16 event=grant by=fay to=gil role=read
17 event=revoke by=root from=ann role=admin
18 event=act by=gil needs=read what=x
19 event=grant by=fay to=ann role=read
20 event=grant by=ann to=hal role=read
21 event=revoke by=fay from=fay role=admin cascade=yes
22 event=act by=gil needs=read what=x
23 event=act by=ann needs=read what=x
24 event=act by=fay needs=admin what=x
25 event=grant by=root to=ann role=admin
26 event=grant by=ann to=ben role=admin
27 event=grant by=ben to=ann role=write
28 event=grant by=ben to=cem role=write
29 event=revoke by=ben from=ann role=admin cascade=yes
30 event=act by=cem needs=write needs=read what=x
31 event=grant by=ben to=eve role=read
32 event=grant by=root to=ben role=admin
33 event=grant by=ben to=eve role=read
34 event=act by=eve needs=read what=x
35 event=act by=ann needs=write what=x
36 event=revoke by=root from=cem role=read cascade=yes
37 event=act by=cem needs=read what=x
38 event=grant by=root to=ian role=admin
39 event=grant by=ian to=joe role=admin
40 event=grant by=joe to=kit role=read
41 event=revoke by=root from=joe role=admin
42 event=act by=kit needs=read what=x
43 event=revoke by=root from=ian role=read cascade=yes
44 event=act by=kit needs=read what=x
45 event=act by=joe needs=admin what=x
46 event=act by=ian needs=admin what=x
"""
    expected = """
void 6
unauthorised 11 dan read
void 19
unauthorised 21 gil read
unauthorised 22 ann read
unauthorised 23 fay admin
unauthorised 29 cem write
void 30
unauthorised 34 ann write
unauthorised 36 cem read
unauthorised 43 kit read
unauthorised 44 joe admin
"""
    audit(events, expected)
