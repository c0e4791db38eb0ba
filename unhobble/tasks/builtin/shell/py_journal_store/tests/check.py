import json
import os
import subprocess
import sys
import tempfile
import zlib

PRELUDE = """
import os, sys
sys.path.insert(0, '/work')
from kvlog import Store

def content():
    with open('s', 'rb') as file:
        return file.read()

def state(path='s'):
    # What another process would see: a store on a copy of the file.
    with open('copy', 'wb') as file:
        file.write(content())
    other = Store('copy')
    found = {key: other.get(key, 'missing') for key in other.keys()}
    other.close()
    return found

def equal(found, want, what):
    if found != want or repr(found) != repr(want):
        print(f'{what}: expected {want!r}, found {found!r}')
        sys.exit(3)

def raises(error, function, what):
    try:
        function()
    except error:
        return
    except BaseException as other:
        print(f'{what}: expected {error.__name__}, found {other!r}')
        sys.exit(3)
    print(f'{what}: no {error.__name__}')
    sys.exit(3)
"""


def run(script, start=None):
    """Run a script in an empty folder, with a store's file s if start is given; the bytes of s afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        if start is not None:
            with open(path, "wb") as file:
                file.write(start)
        result = subprocess.run([sys.executable, "-B", "-c", PRELUDE + script], cwd=folder, capture_output=True, text=True, timeout=30)
        assert result.returncode == 0, result.stdout.strip()[-400:] or "exception: " + result.stderr.strip()[-400:]
        with open(path, "rb") as file:
            return file.read()


def record(*entry):
    payload = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{zlib.crc32(payload):08x} {len(payload)}\n".encode() + payload + b"\n"


def check_bytes(found, want, what):
    assert found == want, f"{what}: the file should be {want[:300]!r}, is {found[:300]!r}"


def test_format():
    found = run("""
s = Store('s')
for n in range(60):
    s.set(f'key{n}', n)
s.set('näme', {'stadt': 'Zürich 🚡', 'a': [1, 2.5, None, True]})
s.delete('key3')
equal(len(state()), 60, 'number of keys without close()')
s.close()
s = Store('s')
equal([s.get(f'key{n}') for n in (0, 3, 59)], [0, None, 59], 'values after opening again')
equal(s.get('näme'), {'stadt': 'Zürich 🚡', 'a': [1, 2.5, None, True]}, 'value after opening again')
equal(s.keys()[:3] + s.keys()[-1:], ['key0', 'key1', 'key10', 'näme'], 'keys')
with s.transaction():
    s.set('é', 1)
    s.delete('key1')
with s.transaction():
    s.get('é')
s.close()
""")
    want = b"".join(record("set", f"key{n}", n) for n in range(60))
    want += record("set", "näme", {"stadt": "Zürich 🚡", "a": [1, 2.5, None, True]}) + record("del", "key3")
    want += record("begin") + record("set", "é", 1) + record("del", "key1") + record("commit")
    for place, (a, b) in enumerate(zip(want, found)):
        assert a == b, f"format: bytes from {place - 30 if place > 30 else 0} should be {want[max(0, place - 30):place + 30]!r}, are {found[max(0, place - 30):place + 30]!r}"
    assert len(want) == len(found), f"format: the file should have {len(want)} bytes, has {len(found)}"


def test_recovery():
    sound = record("set", "a", [1]) + record("set", "ü", "x") + record("begin") + record("set", "b", 2) + record("commit") + record("del", "a")
    # A record whose checksum has a letter, and one whose checksum begins with 0.
    next_record = next(r for r in (record("set", chr(c), 3) for c in range(99, 122)) if r[:8].upper() != r[:8])
    zero_record = next(r for r in (record("set", "c", n) for n in range(1000)) if r[:1] == b"0")
    tails = {f"record cut to {n} bytes": next_record[:n] for n in (1, 8, 9, 10, 11, 15, len(next_record) - 2, len(next_record) - 1)}
    tails["wrong checksum"] = b"00000000" + next_record[8:] + record("set", "d", 4)
    tails["changed payload"] = next_record.replace(b"3]", b"4]") + record("set", "d", 4)
    tails["zeros"] = b"\0" * 64
    tails["negative length"] = next_record.replace(b" 13\n", b" -1\n")
    tails["checksum with seven digits"] = zero_record[1:] + next_record
    tails["capitals in the checksum"] = next_record[:8].upper() + next_record[8:]
    tails["wrong end of a record"] = next_record[:-1] + b" " + next_record
    tails["bytes that are not UTF-8"] = b"\xff\xfe" * 20
    tails["unfinished transaction"] = record("begin") + record("set", "ü", 5) + record("del", "b") + next_record
    tails["transaction cut off"] = (record("begin") + record("del", "b") + next_record + record("commit"))[:-1]
    tails["only a begin"] = record("begin")
    tails["nothing"] = b""
    script = "cases = " + repr(tails) + "\nsound = " + repr(sound) + """
for name, tail in cases.items():
    with open('s', 'wb') as file:
        file.write(sound + tail)
    s = Store('s')
    equal({key: s.get(key) for key in s.keys()}, {'b': 2, 'ü': 'x'}, 'state with ' + name)
    equal(content(), sound, 'file after opening with ' + name)
    s.set('later', 0)
    s.close()
    equal(state(), {'b': 2, 'later': 0, 'ü': 'x'}, 'state after a further change with ' + name)
"""
    run(script, b"")


def test_values():
    run("""
s = Store('s')
for number, value in enumerate([None, 0, False, '', [], {}, 0.0]):
    s.set(f'v{number}', value)
    equal(s.get(f'v{number}', 'default'), value, 'get of a value that is false')
equal(s.get('nothing', 'default'), 'default', 'get of a missing key')
given = {'list': [1, [2]]}
s.set('k', given)
given['list'][1].append(3)
given['new'] = 1
equal(s.get('k'), {'list': [1, [2]]}, 'value after its original was changed')
s.get('k')['list'][1].append(4)
s.get('k')['list'].clear()
equal(s.get('k'), {'list': [1, [2]]}, 'value after a result of get was changed')
before = content()
for bad in ({1, 2}, [object()], {'x': b''}):
    raises(TypeError, lambda: s.set('k', bad), 'set with a value that JSON cannot hold')
    raises(TypeError, lambda: s.set('fresh', bad), 'set with a value that JSON cannot hold')
raises(KeyError, lambda: s.delete('fresh'), 'delete of a missing key')
equal(s.get('k'), {'list': [1, [2]]}, 'value after a failed set')
equal('fresh' in s.keys(), False, 'a key is there after a failed set')
equal(content(), before, 'file after failed calls')
with s.transaction():
    shared = [1]
    s.set('t', shared)
    shared.append(2)
    raises(TypeError, lambda: s.set('t', {1}), 'set in a transaction')
    raises(KeyError, lambda: s.delete('fresh'), 'delete in a transaction')
    equal(s.get('t'), [1], 'value inside a transaction')
equal(s.get('t'), [1], 'value after a transaction')
equal(state()['t'], [1], 'value in the file after a transaction')
""")


def test_transactions():
    run("""
s = Store('s')
s.set('a', 1)
s.set('b', [2])
before = content()

def block(error):
    with s.transaction():
        s.set('a', 10)
        s.delete('b')
        s.set('c', 3)
        equal([s.get('a'), s.get('b'), s.keys()], [10, None, ['a', 'c']], 'reading inside a transaction')
        equal(content(), before, 'file inside a transaction')
        if error:
            raise error('stop')

for error in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit):
    raises(error, lambda: block(error), 'transaction left by an exception')
    equal({k: s.get(k) for k in s.keys()}, {'a': 1, 'b': [2]}, 'state after ' + error.__name__)
    equal(content(), before, 'file after ' + error.__name__)

def nested():
    with s.transaction():
        s.set('x', 1)
        with s.transaction():
            pass

raises(RuntimeError, nested, 'nested transaction')
equal(s.keys(), ['a', 'b'], 'keys after a nested transaction')
with s.transaction():
    s.set('y', 1)
    raises(RuntimeError, s.compact, 'compact in a transaction')
    equal(content(), before, 'file after compact in a transaction')
equal(state(), {'a': 1, 'b': [2], 'y': 1}, 'state after a transaction')
with s.transaction():
    s.delete('y')
before = content()
block(None)
equal(state(), {'a': 10, 'c': 3}, 'state after a transaction')
s.set('after', 0)
equal(state(), {'a': 10, 'after': 0, 'c': 3}, 'state after a further change')
""")


def test_compact():
    found = run("""
s = Store('s')
for key in 'zebra', 'Apfel', 'ähre', 'mitte', 'weg':
    s.set(key, [key])
s.set('zebra', 0)
s.set('mitte', None)
s.delete('weg')
s.compact()
equal(state(), {'Apfel': ['Apfel'], 'mitte': None, 'zebra': 0, 'ähre': ['ähre']}, 'state after compact')
equal(sorted(os.listdir('.')), ['copy', 's'], 'files after compact')
s.set('mitte', '')
with s.transaction():
    s.delete('zebra')
equal(state(), {'Apfel': ['Apfel'], 'mitte': '', 'ähre': ['ähre']}, 'state after compact and further changes')
s.compact()
s.set('neu', 1)
s.close()
""")
    check_bytes(found, record("set", "Apfel", ["Apfel"]) + record("set", "mitte", "") + record("set", "ähre", ["ähre"]) + record("set", "neu", 1), "after compact")
