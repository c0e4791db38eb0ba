"""Measurements of Unhobble's backends alone, each in a process of its own; prints one JSON object.

.venv/bin/python -m benchmarks.sandbox.probes latency docker 32 20     sandboxes, commands in each
.venv/bin/python -m benchmarks.sandbox.probes memory docker
.venv/bin/python -m benchmarks.sandbox.probes opening docker 10 0      sandboxes, spares (docker)
"""

import asyncio
import contextlib
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from unhobble.protocols import Sandbox, SandboxProvider
from unhobble.registry import installed
from unhobble.sandboxing import Ending, SandboxSpec
from unhobble.vocabulary import PluginKind

AS_AN_AGENT = "bash -c 'echo hello'"
COMMANDS = {AS_AN_AGENT: ("bash", "-c", "echo hello"), "true": ("true",)}
"""What the latency is measured of: a command as an agent's tool starts it, and one that does nothing."""

_TIMEOUT_S = 120.0
_OUTPUT_BYTES = 65_536
_WARM_COMMANDS = 3
_OPENED_AT_ONCE = 4
_MEMORY_OUTPUT_BYTES = 2**20
_GIGABYTE = 2**30
_BELOW_THE_CAP = 15 * _MEMORY_OUTPUT_BYTES
_THINKING_S = 1.5


@contextlib.asynccontextmanager
async def provider_of(backend: str, **config: Any) -> AsyncIterator[SandboxProvider]:
    """The backend, closed at the end."""
    provider = installed().build(PluginKind.sandbox, backend, config)
    try:
        yield provider
    finally:
        await provider.close()


async def _timed(action: Awaitable[object]) -> float:
    started_s = time.perf_counter()
    await action
    return time.perf_counter() - started_s


async def latency(backend: str, sandboxes: int, commands: int) -> dict[str, Any]:
    """Seconds of each command, and commands a second, while ``sandboxes`` run one after the other, all at once, without a pause.

    By command, one of ``COMMANDS`` after the other. The sandboxes are warm: each has run some before.
    """
    async with provider_of(backend) as provider:
        places = asyncio.Semaphore(_OPENED_AT_ONCE)

        async def warm(number: int) -> Sandbox:
            async with places:
                sandbox = await provider.open(SandboxSpec(backend=backend), label=f"latency-{number}", study="bench")
                for _ in range(_WARM_COMMANDS):
                    await _run(sandbox, AS_AN_AGENT)
                return sandbox

        opened = await asyncio.gather(*(warm(number) for number in range(sandboxes)))

        async def loop(sandbox: Sandbox, command: str) -> list[float]:
            return [await _timed(_run(sandbox, command)) for _ in range(commands)]

        found = {}
        for command in COMMANDS:
            started_s = time.perf_counter()
            seconds = await asyncio.gather(*(loop(sandbox, command) for sandbox in opened))
            wall_s = time.perf_counter() - started_s
            found[command] = {"seconds": list(itertools.chain(*seconds)), "commands_per_s": sandboxes * commands / wall_s}
        await asyncio.gather(*(sandbox.close() for sandbox in opened))
    return found


async def _run(sandbox: Sandbox, command: str) -> None:
    result = await sandbox.exec(COMMANDS[command], timeout_s=_TIMEOUT_S, output_bytes=_OUTPUT_BYTES)
    if not result.ok:
        raise RuntimeError(f"{command} ended as {result}")


async def memory(backend: str) -> dict[str, Any]:
    """Bytes by which the process's peak of resident memory rises while commands write 1 GB.

    ``one_command``: a single command that would write 1 GB, and is killed for it. ``many_commands``: commands that each write a
    little less than what they are killed for, until 1 GB has passed through the process.
    """
    async with provider_of(backend) as provider:
        sandbox = await provider.open(SandboxSpec(backend=backend), label="memory", study="bench")
        try:
            await _write(sandbox, _MEMORY_OUTPUT_BYTES // 2, Ending.exited)

            async def one_command() -> None:
                await _write(sandbox, _GIGABYTE, Ending.output_exceeded)

            async def many_commands() -> None:
                for _ in range(-(-_GIGABYTE // _BELOW_THE_CAP)):
                    await _write(sandbox, _BELOW_THE_CAP, Ending.exited)

            return {"one_command": await _growth(one_command), "many_commands": await _growth(many_commands)}
        finally:
            await sandbox.close()


async def _write(sandbox: Sandbox, size: int, ending: Ending) -> None:
    command = ("head", "-c", str(size), "/dev/zero")
    result = await sandbox.exec(command, timeout_s=_TIMEOUT_S, output_bytes=_MEMORY_OUTPUT_BYTES)
    if result.ending is not ending:
        raise RuntimeError(f"a command that writes {size} bytes ended as {result.ending}, not {ending}: {result.stderr[:300]!r}")


async def _growth(action: Callable[[], Awaitable[None]]) -> int:
    before = _forget_peak()
    await action()
    return max(0, _memory("VmHWM") - before)


def _forget_peak() -> int:
    """Let the peak start anew at the present value (see clear_refs in proc(5)), and give that, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


async def opening(backend: str, sandboxes: int, spares: int) -> dict[str, Any]:
    """Seconds to open and to close a sandbox, with time between for one to be started ahead of need."""
    config = {"spares": spares} if backend == "docker" else {}
    opened: list[float] = []
    closed: list[float] = []
    async with provider_of(backend, **config) as provider:
        for number in range(sandboxes + 1):
            started_s = time.perf_counter()
            sandbox = await provider.open(SandboxSpec(backend=backend), label=f"opening-{number}", study="bench")
            opened.append(time.perf_counter() - started_s)
            await _run(sandbox, AS_AN_AGENT)
            await asyncio.sleep(_THINKING_S if spares else 0)
            closed.append(await _timed(sandbox.close()))
    return {"open_s": opened[1:], "close_s": closed[1:]}  # the first waits for what is done once


async def main() -> None:
    """Run one probe."""
    probes: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {"latency": latency, "memory": memory, "opening": opening}
    probe, backend, *numbers = sys.argv[1:]
    print(json.dumps(await probes[probe](backend, *map(int, numbers))))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
