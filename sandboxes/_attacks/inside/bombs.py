"""Programs that use more than they were given. Each stops by itself soon after it passed its ceiling."""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import signal
import threading
import time
from pathlib import Path

from sandboxes._attacks.inside.effects import Facts, Verdict, breached, held

_PAGE = 4096
_MIB = 1 << 20
_BUSY_S, _BUSY_PROCESSES = 1.5, 8


def fork(facts: Facts) -> Verdict:
    """Starts processes until none can be started, or far more than allowed are alive."""
    wanted = 2 * facts.processes
    children: list[int] = []
    try:
        while len(children) < wanted:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        return held(f"{len(children)} processes started, then {error.strerror}")
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    return breached(f"{len(children)} processes alive where {facts.processes} are allowed")


def threads(facts: Facts) -> Verdict:
    """Starts threads until none can be started, or far more than allowed are alive."""
    threading.stack_size(64 * 1024)
    end = threading.Event()
    started = 0
    try:
        while started < 2 * facts.processes:
            threading.Thread(target=end.wait).start()
            started += 1
    except RuntimeError as error:
        return held(f"{started} threads started, then {error}")
    finally:
        end.set()
    return breached(f"{started} threads alive where {facts.processes} processes and threads are allowed")


def memory(facts: Facts) -> Verdict:
    """One process touches three times the memory that it may have."""
    blocks: list[mmap.mmap] = []
    for _ in range(3 * facts.memory_bytes // (8 * _MIB)):
        try:
            block = mmap.mmap(-1, 8 * _MIB)
        except OSError as error:
            return held(f"{len(blocks) * 8} MiB, then {error.strerror}")
        for page in range(0, 8 * _MIB, _PAGE):
            block[page] = 1
        blocks.append(block)
    return breached(f"{len(blocks) * 8} MiB held where {facts.memory_bytes // _MIB} MiB are allowed")


def memory_of_many(facts: Facts) -> Verdict:
    """Six processes together hold three times the memory that they may have; each alone holds half."""
    share = facts.memory_bytes // 2
    ready, signal_ready = os.pipe()
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            block = mmap.mmap(-1, share)
            for page in range(0, share, _PAGE):
                block[page] = 1
            os.write(signal_ready, b"x")
            signal.pause()
        children.append(child)
    os.close(signal_ready)
    alive = 0
    # A read ends when a child has its share, or when all that could write are gone.
    deadline_s = time.monotonic() + 20
    os.set_blocking(ready, False)
    while time.monotonic() < deadline_s and alive < len(children) and _any_left(children) == len(children):
        with contextlib.suppress(BlockingIOError):
            alive += len(os.read(ready, 16))
        time.sleep(0.02)
    left = _any_left(children)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    if alive == len(children) == left:
        return breached(f"{alive} processes hold {alive * share // _MIB} MiB where {facts.memory_bytes // _MIB} MiB are allowed")
    return held(f"{left} of {len(children)} processes were left, {alive} had their share")


def _any_left(children: list[int]) -> int:
    left = 0
    for child in children:
        with contextlib.suppress(ChildProcessError):
            left += os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    return left


def shared_memory(facts: Facts) -> Verdict:
    """Fills a file that has no name and lies on no file system it was given."""
    file = os.memfd_create("bomb")
    block, written = b"x" * (4 * _MIB), 0
    while written < 3 * facts.memory_bytes:
        try:
            written += os.write(file, block)
        except OSError as error:
            return held(f"{written // _MIB} MiB, then {error.strerror}")
    return breached(f"{written // _MIB} MiB held where {facts.memory_bytes // _MIB} MiB are allowed")


def disk(facts: Facts) -> Verdict:
    """Fills the working directory with files of which each is small enough."""
    return _fill("/work", facts)


def disk_anywhere(facts: Facts) -> Verdict:
    """Fills every other directory that can be written, one after the other."""
    said = []
    for place in ("/home/agent", "/tmp", "/dev/shm", "/var/tmp", "/run", "/run/lock", "/dev", "/dev/mqueue", "/tests", "/"):  # noqa: S108
        if Path(place).is_dir() and os.access(place, os.W_OK):
            verdict = _fill(place, facts)
            if verdict.breached:
                return verdict
            said.append(f"{place}: {verdict.evidence}")
    return held("; ".join(said))


def _fill(place: str, facts: Facts) -> Verdict:
    block, written = b"x" * _MIB, 0
    files: list[Path] = []
    try:
        while written < 3 * facts.disk_bytes:
            files.append(Path(place, f"bomb-{len(files)}"))
            with files[-1].open("wb", buffering=0) as file:
                for _ in range(4):
                    written += file.write(block)
    except OSError as error:
        if written <= 1.25 * facts.disk_bytes:
            return held(f"{written // 1024} KiB, then {error.strerror}")
    finally:
        for made in files:
            with contextlib.suppress(OSError):
                made.unlink()
    return breached(f"{written // _MIB} MiB in {place} where {facts.disk_bytes // _MIB} MiB are allowed")


def inodes(facts: Facts) -> Verdict:
    """Makes empty files, which use no byte of the disk."""
    made, wanted = 0, 20_000
    Path("/work/inodes").mkdir()
    try:
        while made < wanted:
            os.close(os.open(f"/work/inodes/{made}", os.O_CREAT | os.O_WRONLY, 0o600))
            made += 1
    except OSError as error:
        return held(f"{made} files, then {error.strerror}")
    return breached(f"{made} files on a disk of {facts.disk_bytes // _MIB} MiB")


def descriptors(facts: Facts) -> Verdict:
    """Raises its own ceiling as far as it can, then opens files."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened: list[int] = []
    try:
        while len(opened) < 2 * facts.descriptors:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return held(f"{len(opened)} files, then {error.strerror}")
    finally:
        for file in opened:
            os.close(file)
    return breached(f"{len(opened)} files open where {facts.descriptors} are allowed")


def cpus(facts: Facts) -> Verdict:
    """Keeps every processor busy that it can get, though others want them too."""
    started_s = time.monotonic()
    children = []
    for _ in range(_BUSY_PROCESSES):
        child = os.fork()
        if child == 0:
            while time.monotonic() < started_s + _BUSY_S:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    share = (used.ru_utime + used.ru_stime) / (time.monotonic() - started_s)
    said = f"{share:.2f} processors used where {facts.cpus:g} are allowed"
    return breached(said) if share > 1.25 * facts.cpus else held(said)
