import os
import random
import subprocess
import sys
import tempfile

RNG = random.Random(20240611)


def chunk(name, content, length=None):
    return name + (len(content) if length is None else length).to_bytes(4, "little") + content + bytes(len(content) % 2)


def fmt(channels=2, bits=16, size=16, per_frame=None, format=1):
    per_frame = channels * bits // 8 if per_frame is None else per_frame
    head = b"".join(
        value.to_bytes(width, "little")
        for value, width in ((format, 2), (channels, 2), (48000, 4), (48000 * per_frame % 2**32, 4), (per_frame, 2), (bits, 2))
    )
    return chunk(b"fmt ", (head + bytes(range(1, 40)))[:size])


def wave(*chunks, length=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + (len(body) if length is None else length).to_bytes(4, "little") + body


def sound(size):
    return RNG.randbytes(size)


def fix(data):
    """Run the program; return what it printed, its exit status and what it wrote (None if nothing)."""
    with tempfile.TemporaryDirectory() as place:
        source, target = os.path.join(place, "in file.wav"), os.path.join(place, "out.wav")
        with open(source, "wb") as out:
            out.write(data)
        run = subprocess.run([sys.executable, "-B", "fixwav.py", source, target], capture_output=True, text=True, timeout=20)
        assert not run.stderr, f"fixwav.py wrote to standard error: {run.stderr[-300:]}"
        with open(source, "rb") as file:
            assert file.read() == data, "IN was changed"
        written = None
        if os.path.exists(target):
            with open(target, "rb") as file:
                written = file.read()
        return run.stdout, run.returncode, written


def expect(what, data, said, status, out):
    found_said, found_status, found = fix(data)
    assert found_said == said + "\n", f"{what}: expected {said!r}, printed {found_said!r}"
    assert found_status == status, f"{what}: expected exit status {status}, found {found_status}"
    if found != out:
        where = next((i for i, (a, b) in enumerate(zip(found or b"", out or b"")) if a != b), "the end")
        sizes = [None if x is None else len(x) for x in (out, found)]
        raise AssertionError(f"{what}: OUT differs at byte {where}; expected {sizes[0]} bytes, found {sizes[1]}")


def is_sound(what, data):
    expect(what, data, "sound", 0, data)


def is_repaired(what, data, out, frames):
    expect(what, data, f"repaired {frames}", 1, out)


def is_hopeless(what, data):
    expect(what, data, "hopeless", 2, None)


def test_sound_files():
    audio = sound(400)
    is_sound("a plain file", wave(fmt(), chunk(b"data", audio)))
    is_sound("chunks behind the data", wave(fmt(size=18), chunk(b"data", audio[:333]), chunk(b"LIST", b"INFOabc"), chunk(b"id3 ", b"x" * 11)))
    is_sound("an incomplete frame and a wrong fact", wave(fmt(size=40), chunk(b"fact", b"\xff" * 4), chunk(b"data", audio[:399])))
    is_sound("two formats of which one is short", wave(fmt(size=14), fmt(), chunk(b"data", audio[:8])))
    is_sound("no audio", wave(fmt(per_frame=0), chunk(b"data", b"")))


def test_lengths_that_were_never_written():
    for length in (0, 0xFFFFFFFF, 36, 100):
        audio = sound(4 * 250)
        out = wave(fmt(), chunk(b"data", audio))
        is_repaired(f"both lengths {length}", wave(fmt(), chunk(b"data", audio, length), length=length), out, 250)
    is_repaired("only the length of the data is wrong", wave(fmt(), chunk(b"data", audio, 1004)), out, 250)
    is_repaired("only the length behind RIFF is wrong", wave(fmt(), chunk(b"data", audio), length=0), out, 250)
    is_repaired("no audio at all", wave(fmt(), chunk(b"data", b"", 0), length=0), wave(fmt(), chunk(b"data", b"")), 0)


def test_incomplete_frames_and_pad_bytes():
    audio = sound(1003)
    is_repaired("three bytes too many", wave(fmt(), chunk(b"data", audio, 0), length=0)[:-1], wave(fmt(), chunk(b"data", audio[:1000])), 250)
    eight = fmt(channels=1, bits=8)
    is_repaired("frames of one byte", wave(eight, chunk(b"data", audio, 0), length=0)[:-1], wave(eight, chunk(b"data", audio)), 1003)
    deep = fmt(channels=1, bits=24)
    is_repaired("frames of three bytes", wave(deep, chunk(b"data", audio[:998], 0), length=0), wave(deep, chunk(b"data", audio[:996])), 332)
    is_repaired("an odd number of them", wave(deep, chunk(b"data", audio[:1000], 0), length=0), wave(deep, chunk(b"data", audio[:999])), 333)
    is_repaired("less than a frame", wave(deep, chunk(b"data", audio[:2], 2), length=7), wave(deep, chunk(b"data", b"")), 0)
    is_repaired("a pad byte that is missing", wave(eight, chunk(b"data", audio))[:-1], wave(eight, chunk(b"data", audio)), 1003)


def test_other_chunks_before_the_data():
    audio = sound(700)
    before = [chunk(b"JUNK", bytes(27)), fmt(size=18), chunk(b"LIST", b"INFOICMTdata\x10\0\0\0 of the first data take")]
    broken = wave(*before, chunk(b"data", audio, 0xFFFFFFFF), length=0xFFFFFFFF)
    is_repaired("odd chunks and a comment about data", broken, wave(*before, chunk(b"data", audio)), 175)
    first, second = fmt(channels=1), fmt(channels=4)
    is_repaired("two formats", wave(first, second, chunk(b"data", audio[:699], 0))[:-1], wave(first, second, chunk(b"data", audio[:698])), 349)
    broken = wave(before[1], chunk(b"data", audio[:200], 100) + chunk(b"data", audio[:96]), length=0)
    out = wave(before[1], chunk(b"data", audio[:200] + chunk(b"data", audio[:96])))
    is_repaired("audio that looks like a chunk", broken, out, 76)


def test_the_number_of_frames_in_fact():
    audio = sound(603)
    for size in (4, 12):
        wrong, right = (count.to_bytes(4, "little") + b"abcdefgh"[: size - 4] for count in (77, 150))
        broken = wave(fmt(size=18), chunk(b"fact", wrong), chunk(b"data", audio, 0), length=0)[:-1]
        is_repaired("a fact chunk", broken, wave(fmt(size=18), chunk(b"fact", right), chunk(b"data", audio[:600])), 150)
    first = [chunk(b"fact", wrong), chunk(b"fact", wrong)], [chunk(b"fact", right), chunk(b"fact", wrong)]
    is_repaired("two fact chunks", wave(fmt(), *first[0], chunk(b"data", audio[:600], 9)), wave(fmt(), *first[1], chunk(b"data", audio[:600])), 150)
    short = fmt(size=14) + chunk(b"fact", b"ab")
    is_repaired("a short fact and a short format", wave(short, fmt(), chunk(b"data", audio[:600], 9)), wave(short, fmt(), chunk(b"data", audio[:600])), 150)


def test_silence():
    for size in (800, 804, 8):
        audio = bytes(size)
        out = wave(fmt(), chunk(b"data", audio))
        is_repaired("silence, and only the length of the data is wrong", wave(fmt(), chunk(b"data", audio, 0)), out, size // 4)


def test_hopeless_files():
    audio = sound(100)
    good = wave(fmt(), chunk(b"data", audio), length=0)
    is_hopeless("an empty file", b"")
    is_hopeless("another format", b"RIFX" + good[4:])
    is_hopeless("another kind of RIFF", good[:8] + b"AVI " + good[12:])
    is_hopeless("eleven bytes", good[:11])
    is_hopeless("no chunks", wave())
    is_hopeless("half a header of data", good[:42])
    is_hopeless("a format cut short", good[:30])
    is_hopeless("no format", wave(chunk(b"LIST", audio), chunk(b"data", audio)))
    is_hopeless("a format behind the data", wave(chunk(b"data", audio), fmt()))
    is_hopeless("a short format", wave(fmt(size=14), chunk(b"data", audio)))
    is_hopeless("no data", wave(fmt(), chunk(b"LIST", audio)))
    is_hopeless("frames of no bytes", wave(fmt(per_frame=0), chunk(b"data", audio, 0)))
    is_hopeless("a name that is none", wave(fmt(), chunk(b"a\0bc", audio), chunk(b"data", audio)))
