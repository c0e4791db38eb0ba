"""Attacks on whoever copies files out of a sandbox: links, pipes, devices, holes, and trees that are hard to walk."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from typing import TypeVar

from sandboxes._attacks.attack import MIB, SMALL, Attack, Unsandboxed
from sandboxes._attacks.inside import trees
from sandboxes._attacks.inside.effects import Verdict
from sandboxes._attacks.memory import Growth
from sandboxes._attacks.scene import Scene
from sandboxes._controls import Control
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxFile, User

T = TypeVar("T")

_COPYING = frozenset({Control.copying})
_NAIVE = dict.fromkeys(("docker", "bubblewrap"), Unsandboxed())
_PATIENCE_S = 3.0
_FILES = 4096
_LIBRARY = "sandboxes"


class _TooSlow(Exception):
    """It was still under way when nobody waited any longer."""


async def _in_time(work: Awaitable[T], *, patience_s: float = _PATIENCE_S) -> T:
    """``work``, given up where it does not end: it goes on until its sandbox is closed."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=patience_s)
    if not done:
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise _TooSlow
    return task.result()


async def _links(scene: Scene) -> Verdict:
    """Links to files that the agent may not read, or that are not its sandbox's."""
    targets = (scene.facts.host_file, "/etc/shadow", "/etc/passwd", "/proc/self/environ")
    await scene.shell("; ".join(f"ln -s {target} /work/link-{number}" for number, target in enumerate(targets)))
    for number, target in enumerate(targets):
        with contextlib.suppress(FileNotFoundError, ValueError):
            data = await scene.sandbox.read_file(f"/work/link-{number}", max_bytes=MIB)
            return Verdict(True, f"{len(data)} bytes of {target} were copied out")
    return Verdict(False, f"no link to {', '.join(targets)} was followed")


async def _directory_link(scene: Scene) -> Verdict:
    await scene.shell("ln -s / /work/out; ln -s .. /home/agent/up")
    for path in ("/work/out/etc/passwd", "/work/out/proc/self/environ", "/home/agent/up/../etc/passwd"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            data = await scene.sandbox.read_file(path, max_bytes=MIB)
            return Verdict(True, f"{len(data)} bytes of {path} were copied out")
    return Verdict(False, "no directory was entered through a link")


async def _linked_tree(scene: Scene) -> Verdict:
    """A directory to be copied out that holds links to files."""
    await scene.shell("mkdir /work/tree; cd /work/tree; ln -s /etc/passwd one; ln -s /usr/bin/env other")
    try:
        files = await _in_time(scene.sandbox.read_directory("/work/tree", max_bytes=MIB, max_files=_FILES))
    except ValueError as error:
        return Verdict(True, f"the links were walked: {error}")
    return Verdict(bool(files), f"{len(files)} files were copied out of a directory of links")


async def _linked_write(scene: Scene) -> Verdict:
    """Links in the way of what is written into a sandbox for the agent, to a file that is not the agent's to change."""
    check = SandboxFile("/tests/check.py", b"keeper")
    await scene.sandbox.write_files([check], user=User.keeper)
    await scene.shell("ln -s ../tests/check.py /work/given; ln -s ../tests /work/folder")
    for path in ("/work/given", "/work/folder/check.py"):
        await scene.sandbox.write_files([SandboxFile(path, b"agent")])
    data = await scene.sandbox.read_file(check.path, max_bytes=MIB)
    return Verdict(data != check.data, f"the hidden test holds {data!r} after two writes through links")


async def _pipe(scene: Scene) -> Verdict:
    """A pipe that nobody writes to, where a file is expected."""
    await scene.shell("mkfifo /work/pipe")
    try:
        await _in_time(scene.sandbox.read_file("/work/pipe", max_bytes=MIB))
    except ValueError as error:
        return Verdict(False, str(error))
    except _TooSlow:
        await _release(scene, "/work/pipe")
        return Verdict(True, f"whoever copies it out still waits after {_PATIENCE_S:g} s")
    return Verdict(True, "a pipe was read")


async def _piped_tree(scene: Scene) -> Verdict:
    await scene.shell("mkdir /work/tree; mkfifo /work/tree/pipe")
    try:
        files = await _in_time(scene.sandbox.read_directory("/work/tree", max_bytes=MIB, max_files=_FILES))
    except _TooSlow:
        await _release(scene, "/work/tree/pipe")
        return Verdict(True, f"whoever copies the directory out still waits after {_PATIENCE_S:g} s")
    return Verdict(bool(files), f"{len(files)} files were copied out of a directory with a pipe")


async def _release(scene: Scene, pipe: str) -> None:
    """Let the one go who waits for ``pipe``: a thread of the worker, which could not end otherwise."""
    with contextlib.suppress(_TooSlow, SandboxError):
        await _in_time(scene.shell(f"exec 3<>{pipe}; sleep 0.2"), patience_s=1)


async def _device(scene: Scene) -> Verdict:
    """A device without an end, and one that takes everything, where files are expected."""
    await scene.shell("ln -s /dev/null /work/null; ln -s /dev/zero /work/zero")
    for name in ("null", "zero"):
        with contextlib.suppress(ValueError):
            await scene.sandbox.read_file(f"/work/{name}", max_bytes=0)
            return Verdict(True, f"the device {name} was read")
    return Verdict(False, "no device was opened")


async def _sparse(scene: Scene) -> Verdict:
    """A file that is all hole and so needs no disk, copied out with a bound that it passes by far."""
    made = await scene.shell("mkdir /work/tree; truncate -s 512M /work/tree/hole; stat -c %s /work/tree/hole")
    copied = 0
    async with Growth() as growth:
        with contextlib.suppress(ValueError):
            copied = len(await scene.sandbox.read_file("/work/tree/hole", max_bytes=MIB))
        with contextlib.suppress(ValueError):
            files = await scene.sandbox.read_directory("/work/tree", max_bytes=MIB, max_files=_FILES)
            copied += sum(len(file.data) for file in files)
    said = f"{copied} bytes of {made.stdout.decode().strip()} were copied out; the worker grew by {growth.mib:.0f} MiB"
    return Verdict(copied > 0 or growth.exceeded, said)


async def _many_files(scene: Scene) -> Verdict:
    """More files in a directory than who copies it out has asked for."""
    await scene.shell("mkdir /work/tree; cd /work/tree; for n in 1 2 3 4 5 6 7 8 9; do echo x > $n; done")
    try:
        files = await scene.sandbox.read_directory("/work/tree", max_bytes=MIB, max_files=3)
    except ValueError as error:
        return Verdict(False, str(error))
    return Verdict(True, f"{len(files)} files were copied out where 3 are allowed")


async def _dots(scene: Scene) -> Verdict:
    """A path that goes up, as an agent may give one for its answer."""
    for path in ("/work/../etc/passwd", "/work/./../../etc/passwd", "/tmp/../proc/self/environ"):  # noqa: S108
        with contextlib.suppress(FileNotFoundError, ValueError):
            data = await scene.sandbox.read_file(path, max_bytes=MIB)
            return Verdict(True, f"{len(data)} bytes of {path} were copied out")
    return Verdict(False, "no path goes up")


async def _hard_tree(scene: Scene, kind: str) -> Verdict:
    """A tree that breaks those who walk it: it is copied out, kept, put back and removed."""
    planted = await scene.attempt(trees.plant, extra=kind)
    if planted.breached is None:
        return planted
    sandbox = scene.sandbox
    try:
        with contextlib.suppress(ValueError):
            await _in_time(sandbox.read_directory("/work", max_bytes=MIB, max_files=_FILES))
        await sandbox.restore(await sandbox.snapshot())
        after = await scene.shell("echo alive", cwd="/")  # its own /work may be shut
    except (SandboxError, _TooSlow) as error:
        return Verdict(True, f"the sandbox was broken by its agent: {error!r}"[:300])
    if after.stdout != b"alive\n":
        return Verdict(True, f"the next command gave {after}")
    return await _removed(scene)


class _Listener(logging.Handler):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


async def _removed(scene: Scene) -> Verdict:
    """Whether the sandbox is closed without a word of what could not be removed."""
    listener, logger = _Listener(), logging.getLogger(_LIBRARY)
    logger.addHandler(listener)
    try:
        await scene.sandbox.close()
    finally:
        logger.removeHandler(listener)
    return Verdict(bool(listener.said), "; ".join(listener.said) or "it was copied, kept, put back and removed")


async def _deep(scene: Scene) -> Verdict:
    return await _hard_tree(scene, "deep")


async def _long(scene: Scene) -> Verdict:
    return await _hard_tree(scene, "long")


async def _shut(scene: Scene) -> Verdict:
    return await _hard_tree(scene, "shut")


async def _odd(scene: Scene) -> Verdict:
    return await _hard_tree(scene, "odd")


_MANY = SMALL.model_copy(update={"disk_bytes": 48 * MIB})

ATTACKS = (
    Attack("link-out", "links to files of the keeper and the host where its answer is expected", _COPYING, _links),
    Attack("directory-link-out", "links to a directory outside in the path of its answer", _COPYING, _directory_link),
    Attack("links-in-a-directory", "fills a directory that is copied out with links", _COPYING, _linked_tree),
    Attack("link-in", "links to the hidden tests where files are written for it", _COPYING, _linked_write, proofs=_NAIVE),
    Attack("pipe-out", "makes a pipe that nobody writes to where its answer is expected", _COPYING, _pipe),
    Attack("pipe-in-a-directory", "puts a pipe into a directory that is copied out", _COPYING, _piped_tree),
    Attack("device-out", "links to devices where its answer is expected", _COPYING, _device),
    Attack("sparse-file", "gives an answer of 512 MiB that uses no disk", _COPYING, _sparse, proofs=_NAIVE),
    Attack("many-files", "gives more files than are asked for", _COPYING, _many_files, proofs=_NAIVE),
    Attack("upward-path", "gives a path that goes up", _COPYING, _dots, proofs=_NAIVE),
    Attack("deep-tree", "nests 3,000 directories", _COPYING, _deep, spec=_MANY, proofs=_NAIVE),
    Attack("long-path", "nests names until no path to them can be spoken", _COPYING, _long, spec=_MANY, proofs=_NAIVE),
    Attack("shut-directories", "closes its directories to everybody, itself included", _COPYING, _shut, proofs=_NAIVE),
    Attack(
        "odd-names", "names files with line breaks, control characters and bytes that are no text", _COPYING, _odd, proofs=_NAIVE
    ),
)
