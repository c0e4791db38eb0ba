"""Programs that want to live on after their command, to end their keeper, or to speak in its name."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandboxes._attacks.inside import bombs
from sandboxes._attacks.inside.effects import Facts, Verdict, held, processes, untried

HEARTBEAT, STOLEN, SWAPPED = Path("/work/heartbeat"), Path("/work/stolen"), Path("/work/swapped")
LIFE_S = 6.0
"""No survivor lives longer than this."""

CODE = 3
"""What a program exits with that wants the worker to be told something else."""

_PAUSE_S = 0.01


def stay(_: Facts) -> Verdict:
    """Leaves a child behind that keeps the command's output open."""
    _leave(_beat, detached=False)
    return held("left behind")


def stay_detached(_: Facts) -> Verdict:
    """Leaves a process behind that is in no session, group or family of the command's, and has none of its files."""
    _leave(_beat)
    return held("left behind")


def stay_on_the_move(_: Facts) -> Verdict:
    """Leaves a process behind that becomes another one all the time, so that who looks for it comes too late."""

    def move(deadline_s: float) -> None:
        while time.monotonic() < deadline_s:
            _beat_once()
            if os.fork():
                os._exit(0)

    _leave(move)
    return held("left behind")


def stay_too_long(_: Facts) -> Verdict:
    """Takes longer than it may, deaf to every signal that can be ignored."""
    for number in {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGXCPU, signal.SIGPIPE}:
        signal.signal(number, signal.SIG_IGN)
    _leave(_beat)
    _beat(time.monotonic() + LIFE_S / 2)
    return held("it came to its own end")


def watch_for_tests(_: Facts) -> Verdict:
    """Leaves a process behind that waits for the hidden tests to come, and copies them to where the agent finds them."""

    def watch(deadline_s: float) -> None:
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError):
                STOLEN.write_bytes(Path("/tests/check.py").read_bytes())
                return
            time.sleep(_PAUSE_S)

    _leave(watch)
    return held("left behind")


def swap_directories(_: Facts) -> Verdict:
    """Leaves a process behind that makes a directory a link to /etc and back, while the worker reads below it."""

    def swap(deadline_s: float) -> None:
        real, link = Path("/work/real"), Path("/work/link")
        real.mkdir(exist_ok=True)
        (real / "passwd").write_text("the agent's own")
        link.symlink_to("/etc")
        while time.monotonic() < deadline_s:
            for source in (real, link):
                source.rename(SWAPPED)
                SWAPPED.rename(source)

    _leave(swap)
    return held("left behind")


def kill_everything(facts: Facts) -> Verdict:
    """Kills every process that it may kill."""
    if facts.bystander in processes():
        return untried("it shares its processes with the machine, where this would do harm")
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    return held("it did")


def kill_parent(_: Facts) -> Verdict:
    """Sends the process that started it, and that will report on it, every signal that ends or stops a process."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGABRT, signal.SIGSTOP, signal.SIGKILL):
        with contextlib.suppress(OSError):
            os.kill(os.getppid(), number)
    time.sleep(0.2)
    return held("it did")


def limit_parent(_: Facts) -> Verdict:
    """Takes the means to go on from the process that started it."""
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_CPU):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(os.getppid(), limit, (0, 0))
    return held("it did")


def forge_report(_: Facts) -> Verdict:
    """Fails, after it has written reports of success into every file that other processes have open."""
    for process in processes():
        if process == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{process}/fd"):  # noqa: PTH208 (names are wanted)
                # What is written to a standard input is no report.
                if int(name):
                    with contextlib.suppress(OSError):
                        _forge(f"/proc/{process}/fd/{name}")
    sys.exit(CODE)


def _forge(path: str) -> None:
    own = {os.fstat(number).st_ino for number in (0, 1, 2)}
    file = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    if os.fstat(file).st_ino not in own:
        os.write(file, b'r\x00\x00\x00\x05\x00\x00\x00\x00\x00\n{"exit-code": 0}\n[exit code 0]\n')
    os.close(file)


def blame_others(facts: Facts) -> Verdict:
    """Uses up the memory in small processes, after it has named every other process as the one to be killed for it."""
    _blame()
    return bombs.memory_of_many(facts)


def fill_memory_with_files(_: Facts) -> Verdict:
    """Fills every file system in memory, so that nothing is left for whoever comes to score it."""
    _blame()
    block = b"x" * (1 << 18)
    for place in ("/work", "/home/agent", "/dev/shm", "/tmp"):  # noqa: S108 (the sandbox's own)
        with contextlib.suppress(OSError), Path(place, "fill").open("wb", buffering=0) as file:
            while True:
                file.write(block)
    # What is killed for memory leaves room: the smaller it is, the less.
    fill = "for turn in 1 2 3 4 5 6 7 8; do cat /dev/zero >> /work/fill; cat /dev/zero >> /dev/shm/fill; done"
    os.execlp("sh", "sh", "-c", fill)  # noqa: S606 (it is a shell)


def _blame() -> None:
    """Make all others the first that the kernel kills when memory is short, and itself the last that it may be."""
    for process in processes():
        with contextlib.suppress(OSError):
            Path(f"/proc/{process}/oom_score_adj").write_text("1000")
    for score in range(-1000, 1000, 100):
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(score))
            return


def _leave(life: Callable[[float], None], *, detached: bool = True) -> None:
    """Start a process that lives ``life`` until the time it is given, and return when it has begun to."""
    begun, begin = os.pipe()
    if os.fork() == 0:
        if detached:
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(begin, b"x")
        if detached:
            os.closerange(0, 64)
        life(time.monotonic() + LIFE_S)
        os._exit(0)
    os.read(begun, 1)


def _beat(deadline_s: float) -> None:
    while time.monotonic() < deadline_s:
        _beat_once()


def _beat_once() -> None:
    with HEARTBEAT.open("ab") as file:
        file.write(b"x")
    time.sleep(_PAUSE_S)
