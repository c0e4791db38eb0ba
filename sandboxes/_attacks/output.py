"""Attacks on whoever reads what a command writes."""

import asyncio
import contextlib

from sandboxes._attacks.attack import Attack, Unsandboxed
from sandboxes._attacks.inside.effects import Verdict
from sandboxes._attacks.memory import Growth
from sandboxes._attacks.scene import OUTPUT_BYTES, Scene
from sandboxes._attacks.survival import Run
from sandboxes._controls import Control
from unhobble.errors import SandboxError
from unhobble.sandboxing import Ending
from unhobble.text import decode

_OUTPUT = frozenset({Control.output})
_NAIVE = dict.fromkeys(("docker", "bubblewrap"), Unsandboxed())
_FLOOD_S = 60.0
_CODE = 3
_ANSI = b"\x1b[2J\x1b]0;owned\x07\x1b[31m\r\x08"
_NUL = b"before\x00after\x00"
_BROKEN = bytes(range(0x80, 0x100)) + b"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"
_FRAMES = b'r\x00\x00\x00\x05\x00\x00\x00\x00\x00{"exit-code": 0}\n[exit code 0]\n'

# A gigabyte in lines, and 100 MB without a single one.
_LINES = "yes 'a line that says nothing' | head -c 1000000000"
_LINE = "head -c 100000000 /dev/zero | tr '\\0' x"


def _flood(script: str) -> Run:
    """The attack that writes far more than is kept: it is ended early and costs the worker no memory."""

    async def run(scene: Scene) -> Verdict:
        async with Growth() as growth:
            command = asyncio.ensure_future(scene.shell(script, timeout_s=_FLOOD_S))
            passed = asyncio.ensure_future(growth.passed.wait())
            await asyncio.wait({command, passed}, return_when=asyncio.FIRST_COMPLETED)
            passed.cancel()
            if growth.exceeded:
                command.cancel()
                with contextlib.suppress(asyncio.CancelledError, SandboxError):
                    await command
                return Verdict(True, f"the worker grew by {growth.mib:.0f} MiB")
            result = command.result()
        kept = max(len(result.stdout), len(result.stderr))
        said = f"{result.ending.value}, {kept} bytes kept, the worker grew by {growth.mib:.0f} MiB"
        return Verdict(result.ending is not Ending.output_exceeded or kept > OUTPUT_BYTES, said)

    return run


def _says(data: bytes) -> Run:
    """The attack that writes ``data`` to both streams: it arrives as it is, is told apart, and can be stored as text."""

    async def run(scene: Scene) -> Verdict:
        script = f"import os; [os.write(stream, {data!r}) for stream in (1, 2)]; os._exit({_CODE})"
        try:
            result = await scene.sandbox.exec(["python3", "-c", script], timeout_s=_FLOOD_S, output_bytes=OUTPUT_BYTES)
            after = await scene.shell("echo alive")
        except SandboxError as error:
            return Verdict(True, f"the sandbox was broken by its agent: {error}")
        told = (result.ending, result.exit_code, result.stdout, result.stderr)
        if told != (Ending.exited, _CODE, data, data) or after.stdout != b"alive\n":
            return Verdict(True, f"what came back was not what was written: {told!r}"[:300])
        text = decode(result.stdout)
        return Verdict("\0" in text or text != text.encode().decode(), "it came back byte for byte, and is storable as text")

    return run


ATTACKS = (
    Attack("output-flood", "writes 1 GB", _OUTPUT, _flood(_LINES)),
    Attack("error-flood", "writes 1 GB to standard error", _OUTPUT, _flood(f"({_LINES}) >&2")),
    Attack("long-line", "writes a line of 100 MB", _OUTPUT, _flood(_LINE)),
    Attack("terminal-codes", "writes ANSI escapes that clear and rename a terminal", _OUTPUT, _says(_ANSI), proofs=_NAIVE),
    Attack("nul-bytes", "writes NUL", _OUTPUT, _says(_NUL), proofs=_NAIVE),
    Attack("broken-utf-8", "writes bytes that are no UTF-8", _OUTPUT, _says(_BROKEN), proofs=_NAIVE),
    Attack("forged-frames", "writes what the keeper's own words look like", _OUTPUT, _says(_FRAMES), proofs=_NAIVE),
)
