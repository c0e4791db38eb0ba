"""The keeper itself, as the first process of a root that holds nothing but a shell: what is shown here holds in any image."""

import contextlib
import os
import random
import re
import secrets
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandboxes._bubblewrap.seccomp import _deny, _step  # the two instructions that a filter of one call is made of
from sandboxes._controls import Control
from sandboxes._docker import wire as _wire
from sandboxes._docker.keeper_binary import KEEPER_VERSION, build_ahead, keeper_arguments
from sandboxes._docker.wire import HEADER, Outcome, Report
from tests.sandboxes.keeping import AGENT, Keeper
from unhobble.sandboxing import Ending, SandboxFile, User

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be the keeper of a container that it makes by hand"),
]

Start = Callable[..., Keeper]
SPIN = "while :; do :; done"
MIB = 2**20
FEW = 64
"""Open files that the keeper may have, which is fewer than the trees here are deep."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as ends:

        def make(**options: object) -> Keeper:
            directory = tmp_path / secrets.token_hex(4)
            directory.mkdir()
            keeper = Keeper(directory, **options)  # type: ignore[arg-type]
            ends.callback(keeper.close)
            return keeper

        yield make


@pytest.fixture
def keeper(start: Start) -> Keeper:
    return start()


def without(control: Control) -> list[str]:
    arguments = keeper_arguments({control})
    assert arguments
    return arguments


# --- commands ---------------------------------------------------------------------------------------------------------


def test_it_says_its_version_when_it_is_ready(keeper: Keeper) -> None:
    assert keeper.version == KEEPER_VERSION


def test_an_image_needs_not_even_a_shell(start: Start) -> None:
    report, out, err = start(shell=False).run("/opt/keeper")
    assert (report.exit_code, out) == (2, b"")
    assert b"only as the first process of a container" in err


def test_exit_code_and_both_streams_come_back(keeper: Keeper) -> None:
    report, out, err = keeper.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert report == Report(Ending.exited, 3, stdout_truncated=False, stderr_truncated=False)
    assert (out, err) == (b"out\n", b"err\n")
    assert keeper.run("sh", "-c", "kill -TERM $$")[0].exit_code == 128 + 15


@pytest.mark.parametrize(
    ("argv", "cwd", "exit_code", "said"),
    [
        (["none"], "/work", 127, b"none: No such file or directory\n"),
        (["/bin/none"], "/work", 127, b"/bin/none: No such file or directory\n"),
        ([""], "/work", 127, b": No such file or directory\n"),
        (["/work"], "/work", 126, b"/work: Permission denied\n"),
        (["sh"], "/none", 126, b"/none: No such file or directory\n"),
        (["sh", "x" * 200_000], "/work", 126, b"sh: Argument list too long\n"),
    ],
)
def test_a_command_that_cannot_start_ends_as_in_a_shell(
    keeper: Keeper, argv: list[str], cwd: str, exit_code: int, said: bytes
) -> None:
    report, out, err = keeper.run(*argv, cwd=cwd)
    assert (report.ending, report.exit_code, out, err) == (Ending.exited, exit_code, b"", said)
    assert keeper.children() == []


@pytest.mark.parametrize("lines", [0, 1, 5_000, 200_000])
def test_standard_input_arrives_whole_and_ends(keeper: Keeper, lines: int) -> None:
    count = "n=0; while read -r line; do n=$((n + 1)); done; echo $n"
    assert keeper.run("sh", "-c", count, stdin=b"line\n" * lines)[1] == b"%d\n" % lines


def test_standard_input_that_nobody_reads_does_no_harm(keeper: Keeper) -> None:
    assert keeper.run("sh", "-c", "exec <&-; echo done", stdin=b"x" * 5 * MIB)[1] == b"done\n"
    assert keeper.run("true", stdin=b"x" * 5 * MIB)[0].exit_code == 127
    assert keeper.sh("echo alive") == b"alive\n"


def test_neither_input_nor_output_makes_it_larger(keeper: Keeper) -> None:
    keeper.run("sh", "-c", "exec <&-", stdin=b"x" * 30 * MIB)
    keeper.run("sh", "-c", "while echo 0123456789012345678901234567890123456789; do :; done", output_bytes=100_000)
    keeper.ask(_wire.write([SandboxFile("/work/big", b"x" * 30 * MIB)], User.agent))
    keeper.ask(_wire.read("/work/big", 40 * MIB))
    assert keeper.field("VmHWM") < 2 * 1024


def test_a_command_is_the_agent_with_no_rights_and_three_open_files(keeper: Keeper) -> None:
    keeper.send(_wire.command(["sh", "-c", SPIN], cwd="/work", env={}, user=User.agent, timeout_s=9, output_bytes=9, stdin=b""))
    while not keeper.children():
        time.sleep(0.01)
    (pid,) = keeper.children()
    while Path(f"/proc/{pid}/comm").read_text() != "sh\n":
        time.sleep(0.01)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["Uid"].split() == status["Gid"].split() == [str(AGENT)] * 4
    assert status["Groups"].split() == []
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "SigBlk", "SigIgn")} == {0}
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]  # noqa: PTH208 (quick)
    assert os.getsid(pid) == pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, keeper.pid)
    keeper.send(_wire.KILL)
    assert keeper.answer()[0] is Outcome.done
    assert keeper.answer()[0] is Outcome.done


def test_short_of_memory_the_kernel_takes_a_command_and_not_the_keeper(keeper: Keeper) -> None:
    score = "read score < /proc/self/oom_score_adj; echo $score"
    assert keeper.sh(score) == b"1000\n"
    lowest = keeper.sh(
        "for n in -1000 -500 -1 0 300; do { echo $n > /proc/self/oom_score_adj; } 2>/dev/null && break; done; " + score
    )
    assert int(Path(f"/proc/{keeper.pid}/oom_score_adj").read_text()) <= int(lowest) < 1000


# --- how commands end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [f"{SPIN} & echo started", f"{SPIN} & ( {SPIN} & ); echo started; kill -9 -1"])
def test_no_process_outlives_its_command(keeper: Keeper, ending: str) -> None:
    assert keeper.sh(ending) == b"started\n"
    assert keeper.children() == []
    assert keeper.sh("echo alive") == b"alive\n"


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(keeper: Keeper) -> None:
    report, out, _ = keeper.run("sh", "-c", f"trap '' TERM INT HUP; {SPIN} & echo started; {SPIN}", timeout_s=0.3)
    assert (report.ending, report.exit_code, out) == (Ending.timed_out, None, b"started\n")
    assert keeper.children() == []


def test_a_command_that_is_called_off_has_two_answers(keeper: Keeper) -> None:
    for _ in range(20):
        keeper.send(
            _wire.command(["sh", "-c", SPIN], cwd="/work", env={}, user=User.agent, timeout_s=60, output_bytes=9, stdin=b"x")
            + _wire.KILL
        )
        outcome, said = keeper.answer()
        assert (outcome, Report.read(said).ending) == (Outcome.done, None)
        assert keeper.answer() == (Outcome.done, b"")
    assert keeper.children() == []
    assert keeper.sh("echo alive") == b"alive\n"


def test_one_that_ended_before_it_was_called_off_has_two_answers_too(keeper: Keeper) -> None:
    keeper.sh("echo done")
    assert keeper.ask(_wire.KILL) == (Outcome.done, b"")
    assert keeper.sh("echo alive") == b"alive\n"


@pytest.mark.parametrize("stream", ["", " >&2"])
def test_output_is_cut_at_its_cap_and_a_flood_is_ended(keeper: Keeper, stream: str) -> None:
    cut = keeper.run("sh", "-c", f"echo 0123456789{stream}", output_bytes=5)
    assert cut[0] == Report(Ending.exited, 0, stdout_truncated=not stream, stderr_truncated=bool(stream))
    assert cut[1] + cut[2] == b"01234"
    flood = keeper.run("sh", "-c", f"while echo 0123456789{stream}; do :; done", output_bytes=1000)
    assert (flood[0].ending, flood[0].exit_code) == (Ending.output_exceeded, None)
    assert len(flood[1] + flood[2]) == 1000


def test_everything_ends_when_the_worker_hangs_up(keeper: Keeper) -> None:
    keeper.send(_wire.command(["sh", "-c", SPIN], cwd="/work", env={}, user=User.agent, timeout_s=60, output_bytes=9, stdin=b""))
    while not keeper.children():
        time.sleep(0.01)
    (command,) = keeper.children()
    assert keeper.close() == ""
    assert not Path(f"/proc/{command}").exists()


# --- files --------------------------------------------------------------------------------------------------------------


def openat2_is_missing() -> None:
    """What a process does to become one on a kernel that has no openat2 (gVisor's, or one older than 5.6)."""
    import ctypes
    import errno

    code = b"".join([_step(0x20, 0), _step(0x15, 437, 0, 1), _deny(errno.ENOSYS), _step(0x06, 0x7FFF0000)])
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held := ctypes.create_string_buffer(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(22, 2, program, 0, 0) == 0, (os.strerror(ctypes.get_errno()), held)


@pytest.fixture(params=["openat2", "no openat2"])
def any_kernel(request: pytest.FixtureRequest, start: Start) -> Keeper:
    return start(prepare=None if request.param == "openat2" else openat2_is_missing)


def plant(keeper: Keeper) -> None:
    """What an agent may leave to lead its keeper astray."""
    work = keeper.root / "work"
    (work / "d/e").mkdir(parents=True)
    (work / "d/e/file").write_bytes(b"12345")
    for name, target in {"out": "/tests", "check": "/tests/check", "up": "../..", "inner": "d/e", "loop": "loop"}.items():
        (work / name).symlink_to(target)
    os.mkfifo(work / "pipe")
    os.mknod(work / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"{work}/socket")
    (keeper.root / "tests/check").write_bytes(b"untouched")


def test_files_are_written_with_their_bytes_rights_owner_and_parents(any_kernel: Keeper) -> None:
    data = random.Random(1).randbytes(300_000)
    files = [SandboxFile("/work/a//b/./data", data), SandboxFile("/home/agent/run", b"#!/bin/sh\necho ran", executable=True)]
    assert any_kernel.ask(_wire.write([*files, SandboxFile("/tmp/empty", b"")], User.agent)) == (Outcome.done, b"")
    assert any_kernel.sh("~/run; echo more >> a/b/data; echo x > a/new; test -x a/b/data || echo not") == b"ran\nnot\n"
    assert any_kernel.ask(_wire.read("/work/a/b/data", 10**6)) == (Outcome.done, data + b"more\n")
    assert any_kernel.ask(_wire.read("/tmp/empty", 0)) == (Outcome.done, b"")
    any_kernel.ask(_wire.write([SandboxFile("/work/given", b"1", executable=True)], User.keeper))
    status = (any_kernel.root / "work/given").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)


def test_a_write_replaces_what_was_planted_and_follows_nothing(any_kernel: Keeper) -> None:
    plant(any_kernel)
    names = ("out/x", "check", "up/x", "inner/x", "loop/x", "pipe", "zero/x", "socket", "d")
    for user in User:
        outcome = any_kernel.ask(_wire.write([SandboxFile(f"/work/{name}", b"written") for name in names], user))
        assert outcome == (Outcome.done, b"")
    for name in names:
        assert any_kernel.ask(_wire.read(f"/work/{name}", 100)) == (Outcome.done, b"written")
    assert os.listdir(any_kernel.root / "tests") == ["check"]  # noqa: PTH208 (quick)
    assert (any_kernel.root / "tests/check").read_bytes() == b"untouched"
    assert sorted(os.listdir(any_kernel.root)) == sorted(  # noqa: PTH208 (quick)
        ["work", "home", "tmp", "tests", "run", "dev", "proc", "bin", "opt", "lib", "lib64"]
    )


def test_a_read_follows_nothing_and_waits_for_nothing(any_kernel: Keeper) -> None:
    plant(any_kernel)
    for name in ("out/check", "check", "inner/file", "loop", "pipe", "zero", "socket", "d", "d/e/file/x", "up/tests/check"):
        outcome, said = any_kernel.ask(_wire.read(f"/work/{name}", 100))
        assert (outcome, b"is not a regular file" in said) == (Outcome.unfit, True), name
    outcome, said = any_kernel.ask(_wire.read("/work/d/e/file", 4))
    assert (outcome, said) == (Outcome.unfit, b"d/e/file has 5 bytes; at most 4 are read")
    assert any_kernel.ask(_wire.read("/work/d/none", 4))[0] is Outcome.not_found
    assert any_kernel.ask(_wire.read("/work/d/e/file", 5)) == (Outcome.done, b"12345")


@pytest.mark.parametrize(
    "path", ["/etc/x", "x", "", "/work", "/workshop/x", "/work/../etc/x", "/work/a/..", "/work/a\0b", "/" * 5000]
)
def test_paths_outside_of_its_places_are_refused(keeper: Keeper, path: str) -> None:
    assert keeper.ask(_wire.write([SandboxFile(path, b"x" * 100_000)], User.agent))[0] is Outcome.unfit
    assert keeper.ask(_wire.read(path, 10))[0] is Outcome.unfit
    assert keeper.sh("echo alive") == b"alive\n"


def test_a_full_disk_fails_a_write_and_nothing_else(keeper: Keeper) -> None:
    outcome, said = keeper.ask(_wire.write([SandboxFile("/work/big", b"x" * 65 * MIB)], User.agent))
    assert (outcome, said) == (Outcome.failed, b"big: No space left on device")
    assert os.listdir(keeper.root / "work") == []  # noqa: PTH208 (quick)
    assert keeper.sh("echo alive") == b"alive\n"


def test_a_directory_comes_out_without_what_is_no_file(any_kernel: Keeper) -> None:
    plant(any_kernel)
    (any_kernel.root / "work/run").write_bytes(b"x" * 200_000)
    (any_kernel.root / "work/run").chmod(0o100)
    (any_kernel.root / os.fsdecode(b"work/odd\xff\n")).write_bytes(b"")
    files = {file.path: file for file in any_kernel.read_directory("/work")}
    assert files == {
        "/work/d/e/file": SandboxFile("/work/d/e/file", b"12345"),
        "/work/run": SandboxFile("/work/run", b"x" * 200_000, executable=True),
        "/work/odd\udcff\n": SandboxFile("/work/odd\udcff\n", b""),
    }
    assert [file.path for file in any_kernel.read_directory("/work/d/")] == ["/work/d/e/file"]
    assert any_kernel.read_directory("/tests") == [SandboxFile("/tests/check", b"untouched")]


@pytest.mark.parametrize("name", ["out", "inner", "pipe", "d/e/file", "none", "../tests"])
def test_a_directory_that_is_none_is_refused(any_kernel: Keeper, name: str) -> None:
    plant(any_kernel)
    with pytest.raises(ValueError, match="not_found" if name == "none" else "unfit"):
        any_kernel.read_directory(f"/work/{name}")


def test_a_directory_that_is_too_much_is_refused(keeper: Keeper) -> None:
    work = keeper.root / "work"
    for number in range(50):
        (work / f"{number}").write_bytes(b"x" * 100)
    assert len(keeper.read_directory("/work", max_bytes=5000, max_files=50)) == 50
    with pytest.raises(ValueError, match="more than 4999 bytes"):
        keeper.read_directory("/work", max_bytes=4999)
    with pytest.raises(ValueError, match="more than 49 entries"):
        keeper.read_directory("/work", max_files=49)
    with (work / "sparse").open("wb") as sparse:
        sparse.truncate(2**50)
    with pytest.raises(ValueError, match="more than"):
        keeper.read_directory("/work")


def deep(place: Path, levels: int) -> None:
    here = os.open(place, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deep", dir_fd=here)
        os.mkdir("beside", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("bottom", os.O_CREAT, dir_fd=here))
    os.close(here)


def test_trees_deeper_than_any_path_are_read_copied_and_removed(keeper: Keeper) -> None:
    deep(keeper.root / "work/", 5 * FEW)
    assert [file.path.count("/deep") for file in keeper.read_directory("/work")] == [5 * FEW]
    deep(keeper.root / "tmp", 4000)
    with pytest.raises(ValueError, match="a path of more than 4096 bytes begins with /tmp/deep"):
        keeper.read_directory("/tmp", max_files=100_000)
    assert keeper.ask(_wire.snapshot(0))[0] is Outcome.done
    assert keeper.ask(_wire.restore(0)) == (Outcome.done, b"")
    assert keeper.ask(_wire.write([SandboxFile("/tmp/deep", b"")], User.agent))[0] is Outcome.done
    assert sorted(os.listdir(keeper.root / "tmp")) == ["beside", "deep"]  # noqa: PTH208 (quick)


# --- snapshots ----------------------------------------------------------------------------------------------------------


def state(keeper: Keeper) -> dict[str, object]:
    """Everything about what the agent can write."""
    found: dict[str, object] = {}
    for place in ("work", "home/agent", "tmp", "dev/shm"):
        for folder, folders, files in os.walk(keeper.root / place):
            for name in (".", *folders, *files):
                path = Path(folder) / name
                status = path.lstat()
                content: object = None
                if stat.S_ISLNK(status.st_mode):
                    content = path.readlink()
                elif stat.S_ISREG(status.st_mode) and status.st_size < MIB:
                    content = path.read_bytes()
                blocks = status.st_blocks if stat.S_ISREG(status.st_mode) else 0
                found[str(path.relative_to(keeper.root))] = (
                    *(status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_mtime_ns),
                    *(blocks, content, None if stat.S_ISDIR(status.st_mode) else status.st_size),
                )
    return found


def fill(keeper: Keeper) -> None:
    plant(keeper)
    work = keeper.root / "work"
    (work / "data").write_bytes(random.Random(2).randbytes(300_000))
    (work / "data").chmod(0o4751)
    os.link(work / "data", work / "d/same")
    os.link(work / "data", work / "d/e/same")
    os.link(work / "pipe", work / "d/pipe")
    (work / "shut").mkdir(mode=0)
    with (work / "sparse").open("wb") as sparse:
        sparse.seek(50 * MIB)
        sparse.write(b"middle")
        sparse.truncate(100 * MIB)
    (keeper.root / "home/agent/.hidden").write_text("1")
    (keeper.root / "dev/shm/shared").write_text("2")
    (work / "zero").unlink()  # an agent cannot make a device
    keeper.give_to_agent("work/data")
    os.utime(work / "d", (1, 2))
    os.utime(work / "data", ns=(3, 4))
    os.utime(work / "out", (5, 6), follow_symlinks=False)


def test_a_snapshot_can_be_restored_again_and_again(keeper: Keeper) -> None:
    fill(keeper)
    before = state(keeper)
    assert keeper.ask(_wire.snapshot(0)) == (Outcome.done, b"")
    for _ in range(2):
        work = keeper.root / "work"
        (work / "data").write_bytes(b"changed")
        (work / "out").unlink()
        (work / "d/e/new").mkdir()
        (keeper.root / "tmp/other").write_text("other")
        work.chmod(0o777)
        assert state(keeper) != before
        assert keeper.ask(_wire.restore(0)) == (Outcome.done, b"")
        after = state(keeper)
        assert {name for name in before | after if before.get(name) != after.get(name)} == set()
    same = [(keeper.root / "work" / name).stat().st_ino for name in ("data", "d/same", "d/e/same")]
    assert len(set(same)) == 1


def test_snapshots_are_independent_and_out_of_the_agents_reach(keeper: Keeper) -> None:
    for number in (0, 1):
        keeper.sh(f"echo {number} > f")
        assert keeper.ask(_wire.snapshot(number)) == (Outcome.done, b"")
    (keeper.root / "run/unhobble").chmod(0o700)
    assert keeper.sh("cd /run/unhobble || echo refused") == b"refused\n"
    for number in (0, 1, 0):
        assert keeper.ask(_wire.restore(number)) == (Outcome.done, b"")
        assert keeper.sh("read n < f; echo $n") == b"%d\n" % number
    assert keeper.ask(_wire.restore(7))[0] is Outcome.failed


def test_a_snapshot_that_does_not_fit_leaves_nothing_of_itself(keeper: Keeper) -> None:
    for place in ("work", "tmp"):
        (keeper.root / place / "big").write_bytes(b"x" * 40 * MIB)
    outcome, said = keeper.ask(_wire.snapshot(0))
    assert (outcome, said) == (Outcome.failed, b"big: No space left on device")
    assert os.listdir(keeper.root / "run/unhobble") == []  # noqa: PTH208 (quick)
    (keeper.root / "tmp/big").unlink()
    assert keeper.ask(_wire.snapshot(0)) == (Outcome.done, b"")


# --- what it does not put up with -----------------------------------------------------------------------------------------


def test_it_refuses_to_be_anything_but_the_first_process(tmp_path: Path) -> None:
    # It kills every process that it sees.
    import platform

    program = build_ahead(tmp_path, platform.machine())
    done = subprocess.run([program], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"only as the first process of a container" in done.stderr
    done = subprocess.run([program, "--no-such-flag"], capture_output=True, check=False)
    assert (done.returncode, b"--no-such-flag" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "request_",
    [
        HEADER.pack(b"x", 3) + b"abc",
        HEADER.pack(b"w", 10) + b"\1" + struct.pack(">I", 2**32 - 1) + b"abcde",
        HEADER.pack(b"f", 2**32 - 1)[:5] + b"\0" * 8 + struct.pack(">I", 5) + b"/work",
        HEADER.pack(b"s", 1) + b"\0",
        HEADER.pack(b"w", 23) + b"\1" + struct.pack(">I", 7) + b"/work/x" + b"\0" + struct.pack(">Q", 2**64 - 1) + b"ab",
    ],
)
def test_a_request_that_lies_about_its_length_ends_it_or_is_waited_for(keeper: Keeper, request_: bytes) -> None:
    keeper.send(request_)
    assert keeper.process.stdin
    keeper.process.stdin.close()
    with contextlib.suppress(EOFError):
        while True:
            keeper.answer()
    assert keeper.process.wait(10) in {0, 1}


@pytest.mark.parametrize(
    "body",
    [
        struct.pack(">?QQIII", True, 1000, 10, 0, 0, 0),
        struct.pack(">?QQIII", True, 1000, 10, 3, 0, 6) + b"/work\0",
        struct.pack(">?QQIII", True, 1000, 10, 2**32 - 1, 2**32 - 1, 6) + b"/work\0",
        struct.pack(">?QQIII", True, 1000, 10, 1, 0, 9) + b"/work\0sh\0"[:9] + b"more\0",
        struct.pack(">?QQIII", True, 1000, 10, 1, 0, 2**32 - 1) + b"/work\0sh\0",
        struct.pack(">?QQIII", True, 2**64 - 1, 2**64 - 1, 1, 0, 8) + b"/work\0sh",
    ],
)
def test_a_command_that_makes_no_sense_is_refused_and_the_next_is_served(keeper: Keeper, body: bytes) -> None:
    keeper.send(HEADER.pack(b"x", len(body)) + body)
    keeper.answer()
    assert keeper.ask(HEADER.pack(b"?", 3) + b"abc") == (Outcome.failed, b"there is no operation 0x3f")
    assert keeper.sh("echo alive") == b"alive\n"


def test_whatever_comes_it_answers_or_leaves(start: Start) -> None:
    chance = random.Random(3)
    for _ in range(10):
        keeper = start(shell=False)
        with contextlib.suppress(EOFError, BrokenPipeError):
            for _ in range(200):
                body = chance.randbytes(chance.choice([0, 1, 4, 12, 40, 400]))
                keeper.send(HEADER.pack(chance.choice([b"x", b"w", b"f", b"d", b"s", b"b", b"q", b"k", b"!"]), len(body)) + body)
                keeper.answer()
        assert keeper.close() in {"", "keeper: a request ends too early\n"}
        assert keeper.process.returncode in {0, 1}


# --- with a control switched off --------------------------------------------------------------------------------------------


def test_the_same_user(start: Start) -> None:
    keeper = start(arguments=without(Control.identity))
    assert keeper.sh("test -w /proc/1/oom_score_adj && echo could") == b"could\n"
    assert start().sh("test -w /proc/1/oom_score_adj || echo could not") == b"could not\n"


def test_no_sweep(start: Start) -> None:
    keeper = start(arguments=without(Control.sweep))
    assert keeper.sh(f"{SPIN} & echo started") == b"started\n"
    assert len(keeper.children()) == 1
    assert keeper.ask(_wire.STOP)[0] is Outcome.done
    assert keeper.children() == []


def test_no_time(start: Start) -> None:
    keeper = start(arguments=without(Control.time))
    endless = "n=0; while test $n -lt 100000; do n=$((n + 1)); done; echo done"
    assert keeper.run("sh", "-c", endless, timeout_s=0.001)[:2] == (Report(Ending.exited, 0, False, False), b"done\n")
    assert start().run("sh", "-c", endless, timeout_s=0.001)[0].ending is Ending.timed_out


def test_no_output_cap(start: Start) -> None:
    keeper = start(arguments=without(Control.output))
    many = "n=0; while test $n -lt 1000; do n=$((n + 1)); echo 0123456789; done"
    report, out, _ = keeper.run("sh", "-c", many, output_bytes=10)
    assert (report.ending, len(out)) == (Ending.exited, 11_000)


def test_links_are_followed(start: Start) -> None:
    keeper = start(arguments=without(Control.copying))
    plant(keeper)
    assert keeper.ask(_wire.read("/work/check", 100)) == (Outcome.done, b"untouched")
    assert keeper.ask(_wire.read("/work/out/check", 100)) == (Outcome.done, b"untouched")


def test_shared_processes_are_not_all_killed(start: Start) -> None:
    keeper = start(arguments=without(Control.pids))
    assert keeper.sh(f"{SPIN} & ( {SPIN} & ); ( {SPIN} & {SPIN} ) & echo started") == b"started\n"
    assert keeper.children() == []
