"""What every sandbox backend must do, whoever wrote it. One that does not work on this machine fails here, with its reason."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unhobble.errors import SandboxError
from unhobble.protocols import Sandbox, SandboxProvider
from unhobble.registry import installed
from unhobble.sandboxing import SANDBOX_ENV, Availability, Ending, ExecResult, SandboxFile, SandboxSpec, User
from unhobble.vocabulary import PluginKind

pytestmark = pytest.mark.slow  # real sandboxes or whole studies, dozens of times

BACKENDS = [
    pytest.param(backend, marks=pytest.mark.docker) if backend == "docker" else backend
    for backend in installed().ids(PluginKind.sandbox)
]
MIB = 2**20
TREE = (
    "find /work /home/agent /tmp -printf '%p %m %y %l\\n' | sort; "
    "find /work /home/agent /tmp -type f -readable -exec sha256sum {} + | sort"
)
ESCAPEES = """
setsid sleep {marker} &
nohup sleep {marker} >/dev/null 2>&1 &
(sleep {marker} &)
python3 -c 'import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 10)
        os.execvp("sleep", ["sleep", "{marker}"])
    os._exit(0)
os.wait()'
echo started
"""
FORKS = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError:
    pass
print(made)
"""
PROBE = """
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
column = ["x86_64", "aarch64"].index(platform.machine())
DENIED = {errno.EPERM, errno.ENOSYS}
for name, numbers, arguments in [
    ("io_uring_setup", (425, 425), (1, 0)),
    ("userfaultfd", (323, 282), (1,)),
    ("keyctl", (250, 219), (0, -3, 1)),
    ("ptrace", (101, 117), (0, 0, 0, 0)),
    ("bpf", (321, 280), (0, 0, 0)),
    ("perf_event_open", (298, 241), (0, 0, -1, -1, 0)),
    ("mount", (165, 40), (0, b"/tmp", b"tmpfs", 0, 0)),
    ("unshare", (272, 97), (0x10000000,)),
    ("clone3", (435, 435), (0, 0)),
    ("clone", (56, 220), (0x10000011, 0, 0, 0, 0)),
    ("setns", (308, 268), (-1, 0)),
]:
    if libc.syscall(numbers[column], *arguments) != -1 or ctypes.get_errno() not in DENIED:
        print(name, ctypes.get_errno())
import socket
for family in (socket.AF_NETLINK, socket.AF_VSOCK, socket.AF_ALG, socket.AF_PACKET):
    try:
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM)
        print(family)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            print(family, error)
"""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(backend: str) -> AsyncIterator[SandboxProvider]:
    provider: SandboxProvider = installed().build(PluginKind.sandbox, backend)
    yield provider
    await provider.close()


@pytest.fixture
async def availability(provider: SandboxProvider) -> Availability:
    return await provider.check()


@pytest.fixture
async def sandbox(provider: SandboxProvider, availability: Availability) -> AsyncIterator[Sandbox]:
    assert availability.available, f"{provider.name} does not work here: {availability.reason}"
    sandbox = await provider.open(SandboxSpec(), label="contract")
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def small(provider: SandboxProvider) -> AsyncIterator[Sandbox]:
    """A sandbox whose limits are quickly reached."""
    sandbox = await provider.open(SandboxSpec(memory_bytes=96 * MIB, processes=48, disk_bytes=8 * MIB), label="small")
    yield sandbox
    await sandbox.close()


async def bash(sandbox: Sandbox, script: str, *, timeout_s: float = 60, user: User = User.agent) -> ExecResult:
    return await sandbox.exec(["bash", "-c", script], timeout_s=timeout_s, output_bytes=65_536, user=user)


async def said(sandbox: Sandbox, script: str) -> str:
    result = await bash(sandbox, script)
    assert result.ok, result
    return result.stdout.decode()


def new_marker() -> str:
    """A number of seconds to sleep that no other process on this machine sleeps."""
    return f"1000.{secrets.randbelow(10**12):012d}"


def living(marker: str) -> list[str]:
    """The processes of this machine, and so of all sandboxes on it, that have ``marker`` among their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in (words := file.read_bytes()):
                found.append(words.decode(errors="replace"))
    return found


async def until_living(marker: str) -> None:
    async with asyncio.timeout(30):
        while not living(marker):
            await asyncio.sleep(0.01)


# --- commands ---------------------------------------------------------------------------------------------------------


async def test_the_provider_is_named_after_its_plugin(provider: SandboxProvider, backend: str) -> None:
    assert provider.name == backend


async def test_exit_code_and_both_streams_come_back(sandbox: Sandbox) -> None:
    result = await bash(sandbox, "echo out; echo err >&2; exit 3")
    assert (result.ending, result.exit_code, result.stdout, result.stderr) == (Ending.exited, 3, b"out\n", b"err\n")
    assert not result.ok
    assert not result.stdout_truncated
    assert not result.stderr_truncated
    assert result.duration_s > 0


async def test_a_command_killed_by_a_signal_exits_as_in_a_shell(sandbox: Sandbox) -> None:
    result = await bash(sandbox, "kill -TERM $$")
    assert (result.ending, result.exit_code) == (Ending.exited, 128 + 15)


@pytest.mark.parametrize(
    ("argv", "cwd", "exit_code"),
    [
        (["no-such-program"], "/work", 127),
        (["/etc/passwd"], "/work", 126),
        (["true"], "/no/such/directory", 126),
        (["echo", "a\0b"], "/work", 126),
        (["echo", "\ud800"], "/work", 126),
        (["echo", "x" * 200_000], "/work", 126),
    ],
    ids=["not found", "not executable", "no directory", "NUL", "surrogate", "too long"],
)
async def test_a_command_that_cannot_start_is_the_commands_fault(
    sandbox: Sandbox, argv: list[str], cwd: str, exit_code: int
) -> None:
    result = await sandbox.exec(argv, cwd=cwd, timeout_s=60, output_bytes=1000)
    assert (result.ending, result.exit_code, result.stdout) == (Ending.exited, exit_code, b"")
    assert result.stderr
    assert await said(sandbox, "echo alive") == "alive\n"


@pytest.mark.parametrize("size", [0, 5, 1_000_000])
async def test_standard_input_arrives_whole_and_ends(sandbox: Sandbox, size: int) -> None:
    result = await sandbox.exec(["wc", "-c"], stdin=b"x" * size, timeout_s=60, output_bytes=100)
    assert result.stdout.strip() == str(size).encode()


async def test_standard_input_that_nobody_reads_does_no_harm(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["true"], stdin=b"x" * 1_000_000, timeout_s=60, output_bytes=100)
    assert result.ok


async def test_a_command_starts_where_it_is_told(sandbox: Sandbox) -> None:
    for cwd in ("/work", "/home/agent", "/tmp"):
        result = await sandbox.exec(["pwd", "-P"], cwd=cwd, timeout_s=60, output_bytes=100)
        assert result.stdout.decode().strip() == cwd


async def test_the_environment_is_what_was_given_and_nothing_else(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["env", "-0"], env={"A": "1\n2", "LANG": "C"}, timeout_s=60, output_bytes=10_000)
    environment = dict(entry.split("=", 1) for entry in result.stdout.decode().split("\0") if entry)
    assert environment == SANDBOX_ENV | {"A": "1\n2", "LANG": "C"}


async def test_output_that_is_not_text_comes_back_byte_for_byte(sandbox: Sandbox) -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 8); sys.stderr.buffer.write(b'\\xff\\xfe\\x00')"
    result = await sandbox.exec(["python3", "-c", script], timeout_s=60, output_bytes=65_536)
    assert result.stdout == bytes(range(256)) * 8
    assert result.stderr == b"\xff\xfe\x00"


async def test_files_are_kept_between_commands(sandbox: Sandbox) -> None:
    await said(sandbox, "echo 1 > /work/a; echo 2 > ~/b; echo 3 > /tmp/c; chmod 640 /work/a")
    assert await said(sandbox, "cat /work/a ~/b /tmp/c; stat -c %a /work/a") == "1\n2\n3\n640\n"


# --- how commands end ---------------------------------------------------------------------------------------------------


async def test_no_process_outlives_its_command(sandbox: Sandbox) -> None:
    marker = new_marker()
    result = await sandbox.exec(["bash", "-c", ESCAPEES.format(marker=marker)], timeout_s=60, output_bytes=1000)
    assert (result.ending, result.stdout) == (Ending.exited, b"started\n")
    assert living(marker) == []


async def test_a_command_that_takes_too_long_is_killed_with_all_it_started(sandbox: Sandbox) -> None:
    marker = new_marker()
    script = ESCAPEES.format(marker=marker) + f"trap '' TERM INT HUP; sleep {marker}"
    result = await sandbox.exec(["bash", "-c", script], timeout_s=1, output_bytes=1000)
    assert (result.ending, result.exit_code, result.stdout) == (Ending.timed_out, None, b"started\n")
    assert living(marker) == []
    assert await said(sandbox, "echo alive") == "alive\n"


async def test_output_is_cut_at_the_cap_and_says_so(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["bash", "-c", "seq 1000; echo few >&2"], timeout_s=60, output_bytes=1000)
    assert result.ending is Ending.exited
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 1001)).encode()[:1000]
    assert (result.stdout_truncated, result.stderr_truncated, result.stderr) == (True, False, b"few\n")


@pytest.mark.parametrize("redirection", ["", " >&2"], ids=["stdout", "stderr"])
async def test_a_command_that_floods_a_stream_is_killed(sandbox: Sandbox, redirection: str) -> None:
    result = await sandbox.exec(["bash", "-c", f"yes{redirection}"], timeout_s=120, output_bytes=1000)
    assert (result.ending, result.exit_code) == (Ending.output_exceeded, None)
    assert max(len(result.stdout), len(result.stderr)) == 1000


async def test_a_cancelled_command_leaves_no_process_and_a_working_sandbox(sandbox: Sandbox) -> None:
    marker = new_marker()
    task = asyncio.ensure_future(bash(sandbox, f"setsid sleep {marker} & sleep {marker}"))
    await until_living(marker)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert living(marker) == []
    assert await said(sandbox, "echo alive") == "alive\n"


async def test_commands_cancelled_at_any_moment_leave_a_working_sandbox(sandbox: Sandbox) -> None:
    for delay_ms in range(0, 60, 3):
        task = asyncio.ensure_future(bash(sandbox, "seq 20000; cat"))
        await asyncio.sleep(delay_ms / 1000)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert await said(sandbox, "echo alive") == "alive\n"


async def test_stop_agent_leaves_a_sandbox_that_the_keeper_can_use(sandbox: Sandbox) -> None:
    await said(sandbox, "echo 1 > /work/a")
    await sandbox.stop_agent()
    result = await bash(sandbox, "cat /work/a", user=User.keeper)
    assert result.stdout == b"1\n"


# --- limits -------------------------------------------------------------------------------------------------------------


async def test_a_memory_bomb_is_stopped_and_the_sandbox_lives_on(small: Sandbox, availability: Availability) -> None:
    result = await small.exec(["python3", "-c", "x = bytearray(1 << 30)"], timeout_s=60, output_bytes=1000)
    assert not result.ok
    if not any(limit.startswith("memory_bytes") for limit in availability.not_enforced):
        assert (result.ending, result.exit_code) == (Ending.out_of_memory, None)
    assert await said(small, "echo alive") == "alive\n"


async def test_memory_is_counted_over_all_processes(small: Sandbox, availability: Availability) -> None:
    if any(limit.startswith("memory_bytes") for limit in availability.not_enforced):
        pytest.skip(f"check says that it is not: {availability.not_enforced}")
    script = "for i in 1 2 3 4; do python3 -c 'x = bytearray(60 << 20); input()' & done; sleep 2; wait %1 %2 %3 %4"
    result = await small.exec(["bash", "-c", script], stdin=b"", timeout_s=60, output_bytes=1000)
    assert result.ending is not Ending.timed_out
    assert b"Killed" in result.stderr or result.ending is Ending.out_of_memory


async def test_processes_are_limited(small: Sandbox) -> None:
    result = await small.exec(["python3", "-c", FORKS], timeout_s=60, output_bytes=1000)
    assert 0 < int(result.stdout) <= 48 + 4, result


async def test_a_fork_bomb_ends_with_its_command(small: Sandbox) -> None:
    result = await small.exec(["bash", "-c", "b() { b | b & b; }; b; sleep 60"], timeout_s=1, output_bytes=1000)
    assert result.ending in {Ending.timed_out, Ending.output_exceeded, Ending.out_of_memory}
    assert await said(small, "echo alive") == "alive\n"


async def test_a_file_cannot_grow_beyond_the_disk(small: Sandbox) -> None:
    result = await bash(small, "head -c 20000000 /dev/zero > /work/big")
    assert not result.ok
    assert int(await said(small, "stat -c %s /work/big")) <= 8 * MIB
    assert await said(small, "rm /work/big; echo alive") == "alive\n"


# --- what cannot be seen or reached ---------------------------------------------------------------------------------------


async def test_there_is_no_network(sandbox: Sandbox) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)  # the server does answer, so a refusal means something
        writer.close()
        script = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
        for address in (("127.0.0.1", str(port)), ("1.1.1.1", "53")):
            result = await sandbox.exec(["python3", "-c", script, *address], timeout_s=60, output_bytes=10_000)
            assert result.exit_code == 1, address
            assert b"Error" in result.stderr
    devices = (await said(sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1")).split()
    assert "eth0" not in devices


async def test_the_workers_environment_cannot_be_seen(
    provider: SandboxProvider, availability: Availability, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = f"canary-{secrets.token_hex(8)}"
    monkeypatch.setenv("UNHOBBLE_CANARY", canary)
    sandbox = await provider.open(SandboxSpec(), label="canary")
    try:
        for user in User:
            result = await bash(sandbox, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'", user=user)
            assert b"HOME=/home/agent" in result.stdout
            assert canary.encode() not in result.stdout
    finally:
        await sandbox.close()


async def test_files_of_the_host_cannot_be_seen(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("secret")
    for path in (tmp_path / "canary", Path(__file__)):
        for user in User:
            result = await bash(sandbox, f"cat '{path}' /proc/1/root'{path}'", user=user)
            assert result.stdout == b""
    assert "canary" not in await said(sandbox, "ls -A /tmp /work")


async def test_only_the_agents_directories_can_be_written(sandbox: Sandbox) -> None:
    await sandbox.write_files([SandboxFile("/tests/check.py", b"")], user=User.keeper)
    for path in ("/x", "/usr/x", "/etc/x", "/dev/x", "/home/x", "/tests/x", "/usr/bin/env", "/etc/passwd", "/tests/check.py"):
        result = await bash(sandbox, f"echo >> {path}")
        assert result.exit_code == 1, path
    assert await said(sandbox, "touch /work/x /home/agent/x /tmp/x; echo done") == "done\n"


async def test_the_agent_has_no_rights(sandbox: Sandbox) -> None:
    status = await said(sandbox, "grep -E '^(Cap|NoNewPrivs|Uid)' /proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [0, 0, 0, 0]
    assert fields["NoNewPrivs"] == "1"
    assert "0" not in fields["Uid"].split("\t")
    assert (await bash(sandbox, "unshare --user true")).exit_code != 0


async def test_calls_that_kernels_were_broken_through_are_denied(sandbox: Sandbox) -> None:
    await sandbox.write_files([SandboxFile("/tmp/probe.py", PROBE.encode())])
    for user in User:
        result = await bash(sandbox, "python3 /tmp/probe.py", user=user)
        assert result.ok, result
        assert result.stdout == b"", user


async def test_what_programs_need_is_not_denied(sandbox: Sandbox) -> None:
    script = """
import asyncio, multiprocessing, socket, subprocess, threading, tempfile, sqlite3
threading.Thread(target=print, args=("thread",)).start()
with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(abs, [-1, -2]))
print(subprocess.run(["echo", "child"], capture_output=True).stdout)
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await reader.read())
    writer.close()
    server.close()
asyncio.run(main())
with tempfile.TemporaryDirectory() as d: sqlite3.connect(d + "/x").execute("create table t (a)")
"""
    result = await sandbox.exec(["python3", "-c", script], timeout_s=60, output_bytes=10_000)
    assert result.ok, result.stderr.decode()
    assert result.stdout == b"thread\n[1, 2]\nb'child\\n'\nb''\n"


async def test_eight_sandboxes_at_once_do_not_see_each_other(provider: SandboxProvider, availability: Availability) -> None:
    async def live(number: int) -> str:
        sandbox = await provider.open(SandboxSpec(), label=f"neighbour-{number}")
        try:
            await said(sandbox, f"echo {number} > /work/n; echo {number} > /tmp/n; echo {number} > ~/n; touch /work/only-{number}")
            return await said(sandbox, "cat /work/n /tmp/n ~/n; ls /work; ls /proc | grep -c '^[0-9]*$'")
        finally:
            await sandbox.close()

    seen = await asyncio.gather(*(live(number) for number in range(8)))
    for number, shown in enumerate(seen):
        *files, processes = shown.split()
        assert files == [str(number)] * 3 + ["n", f"only-{number}"]
        assert int(processes) < 10


# --- files ----------------------------------------------------------------------------------------------------------------


async def test_files_are_written_with_their_bytes_rights_and_parents(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    files = [
        SandboxFile("/work/a/b/data", data),
        SandboxFile("/home/agent/tool", b"#!/bin/sh\necho ran\n", executable=True),
        SandboxFile("/tmp/empty", b""),
    ]
    await sandbox.write_files(files)
    assert await sandbox.read_file("/work/a/b/data", max_bytes=len(data)) == data
    assert await sandbox.read_file("/tmp/empty", max_bytes=0) == b""
    assert await said(sandbox, "~/tool; echo more >> /work/a/b/data; mkdir /work/a/c; test ! -x /work/a/b/data") == "ran\n"


async def test_what_the_keeper_writes_the_agent_reads_and_runs_but_cannot_change(sandbox: Sandbox) -> None:
    files = [SandboxFile("/tests/deep/data", b"true"), SandboxFile("/tests/run", b"#!/bin/sh\necho ran\n", executable=True)]
    await sandbox.write_files(files, user=User.keeper)
    assert await said(sandbox, "cat /tests/deep/data; /tests/run") == "trueran\n"
    for attempt in (
        "echo x > /tests/run",
        "rm -f /tests/run",
        "mv /tests/deep /tests/x",
        "chmod 777 /tests/deep",
        "ln -s / /tests/x",
    ):
        assert not (await bash(sandbox, attempt)).ok, attempt
    result = await bash(sandbox, "cat /tests/deep/data; echo changed > /tests/deep/data", user=User.keeper)
    assert result.stdout == b"true"
    assert await sandbox.read_file("/tests/deep/data", max_bytes=10) in {b"true", b"changed\n"}


async def test_the_keeper_reads_what_the_agent_closed(sandbox: Sandbox) -> None:
    await said(sandbox, "mkdir d; echo 1 > d/f; echo 2 > g; chmod 000 d/f d g")
    result = await bash(sandbox, "cat /work/d/f", user=User.keeper)
    assert result.stdout == b"1\n"
    assert await sandbox.read_file("/work/d/f", max_bytes=10) == b"1\n"
    await sandbox.write_files([SandboxFile("/work/d/f", b"3")])
    assert await sandbox.read_file("/work/d/f", max_bytes=10) == b"3"


@pytest.mark.parametrize("path", ["/etc/x", "relative", "/work", "/work/", "/work/../etc/x", "/workshop/x", "/work/a\0b", ""])
async def test_paths_outside_the_fixed_places_are_refused(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(SandboxError, match="below"):
        await sandbox.write_files([SandboxFile(path, b"x")])
    with pytest.raises(ValueError, match="below"):
        await sandbox.read_file(path, max_bytes=10)
    assert await said(sandbox, "echo alive") == "alive\n"


async def test_planted_links_lead_no_write_astray(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("untouched")
    await sandbox.write_files([SandboxFile("/tests/check.py", b"untouched")], user=User.keeper)
    await said(sandbox, f"ln -s {tmp_path} out; ln -s {tmp_path}/victim file; ln -s ../.. up; mkfifo pipe")
    await said(sandbox, "ln -s /tests tests; ln -s /tests/check.py check")
    names = ("out/victim", "out/new", "file", "tests/check.py", "check", "up/x", "pipe")
    for user in User:
        await sandbox.write_files([SandboxFile(f"/work/{name}", b"written") for name in names], user=user)
    assert os.listdir(tmp_path) == ["victim"]  # noqa: PTH208 (quick)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert await sandbox.read_file("/tests/check.py", max_bytes=100) == b"untouched"
    for name in names:
        assert await sandbox.read_file(f"/work/{name}", max_bytes=100) == b"written"


async def test_reading_follows_no_link_and_waits_for_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    await said(sandbox, f"ln -s {tmp_path} out; ln -s {tmp_path}/secret file; mkfifo pipe; mkdir d; ln -s d e; echo 12345 > d/f")
    for name in ("out/secret", "file", "pipe", "d", "e/f", "d/f/g"):
        with pytest.raises(ValueError, match="regular"):
            await sandbox.read_file(f"/work/{name}", max_bytes=100)
    with pytest.raises(ValueError, match="at most 5"):
        await sandbox.read_file("/work/d/f", max_bytes=5)
    with pytest.raises(FileNotFoundError):
        await sandbox.read_file("/work/d/none", max_bytes=5)
    assert await sandbox.read_file("/work/d/f", max_bytes=6) == b"12345\n"


async def test_a_snapshot_can_be_restored_again_and_again(sandbox: Sandbox) -> None:
    await said(
        sandbox,
        "mkdir -p a/empty; head -c 100000 /dev/urandom > a/data; ln -s data a/link; ln -s /etc/passwd out; mkfifo pipe;"
        "echo '#!/bin/sh' > run; chmod 751 run; echo 1 > ~/.hidden; touch '/tmp/odd name'; chmod 700 a;"
        " echo s > shut; chmod 000 shut",
    )
    before = await said(sandbox, TREE)
    snapshot = await sandbox.snapshot()
    for _ in range(2):
        await said(sandbox, "chmod 755 run; rm -rf a out ~/.hidden; echo new > new; echo other > /tmp/other; chmod 777 /work")
        assert await said(sandbox, TREE) != before
        await sandbox.restore(snapshot)
        assert await said(sandbox, TREE) == before
    assert await said(sandbox, "chmod 600 shut; cat shut; touch a/mine") == "s\n"


async def test_snapshots_are_independent_and_out_of_the_agents_reach(sandbox: Sandbox) -> None:
    await said(sandbox, "echo 1 > f")
    first = await sandbox.snapshot()
    await said(sandbox, "echo 2 > f")
    second = await sandbox.snapshot()
    assert first != second
    assert await said(sandbox, f"find / -xdev -name '*{first}*' 2>/dev/null; true") == ""
    for name, content in ((first, "1\n"), (second, "2\n"), (first, "1\n")):
        await sandbox.restore(name)
        assert await said(sandbox, "cat f") == content
    with pytest.raises(SandboxError, match="nonsense"):
        await sandbox.restore("nonsense")


async def test_what_the_keeper_wrote_is_still_the_keepers_after_a_restore(sandbox: Sandbox, availability: Availability) -> None:
    if any("keeper" in limit for limit in availability.not_enforced):
        pytest.skip(f"check says that it is not: {availability.not_enforced}")
    await sandbox.write_files([SandboxFile("/work/given", b"1")], user=User.keeper)
    await sandbox.restore(await sandbox.snapshot())
    assert not (await bash(sandbox, "echo 2 > given")).ok
    assert await said(sandbox, "cat given") == "1"


# --- the end --------------------------------------------------------------------------------------------------------------


async def test_a_closed_sandbox_stays_closed(provider: SandboxProvider, availability: Availability) -> None:
    sandbox = await provider.open(SandboxSpec(), label="closing")
    await said(sandbox, "mkdir d; touch d/f; chmod 000 d; chmod 000 /work")
    await sandbox.close()
    await sandbox.close()
    with pytest.raises(SandboxError):
        await bash(sandbox, "true")
    with pytest.raises(SandboxError):
        await sandbox.read_file("/work/x", max_bytes=1)


async def test_closing_ends_a_command_that_still_runs(provider: SandboxProvider, availability: Availability) -> None:
    marker = new_marker()
    sandbox = await provider.open(SandboxSpec(), label="closing")
    task = asyncio.ensure_future(bash(sandbox, f"sleep {marker}"))
    await until_living(marker)
    await sandbox.close()
    assert living(marker) == []
    with contextlib.suppress(SandboxError):
        assert not (await task).ok


async def test_closing_the_provider_closes_its_sandboxes(provider: SandboxProvider, availability: Availability) -> None:
    marker = new_marker()
    sandbox = await provider.open(SandboxSpec(), label="forgotten")
    task = asyncio.ensure_future(bash(sandbox, f"sleep {marker}"))
    await until_living(marker)
    await provider.close()
    assert living(marker) == []
    with contextlib.suppress(SandboxError):
        await task
    with pytest.raises(SandboxError):
        await bash(sandbox, "true")


async def test_an_opening_that_is_cancelled_leaves_a_working_provider(
    provider: SandboxProvider, availability: Availability
) -> None:
    task = asyncio.ensure_future(provider.open(SandboxSpec(), label="cancelled"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sandbox = await provider.open(SandboxSpec(), label="next")
    assert await said(sandbox, "echo alive") == "alive\n"
    await sandbox.close()


async def test_an_image_that_does_not_exist_is_a_clear_error(provider: SandboxProvider) -> None:
    with pytest.raises(SandboxError, match="no-such-image"):
        await provider.open(SandboxSpec(image="unhobble/no-such-image:0"), label="image")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_many_short_commands_leave_no_file_open(sandbox: Sandbox) -> None:
    await said(sandbox, "true")
    before = open_files()
    for _ in range(10):
        await said(sandbox, "true")
    await asyncio.sleep(0)  # transports close in the loop's next turn
    assert open_files() <= before
