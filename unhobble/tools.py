"""The tools an agent has, and how they are carried out in a sandbox."""

from unhobble.messages import ToolCall, ToolOutcome, ToolSpec
from unhobble.protocols import Sandbox
from unhobble.sandboxing import Ending, ExecResult
from unhobble.text import decode

BASH = ToolSpec(
    name="bash",
    description=(
        "Run a bash command in the sandbox and see its output. Each call is a new shell that starts in /work; files are kept "
        "between calls, processes and shell variables are not."
    ),
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string", "description": "The command to run."}},
        "required": ["command"],
        "additionalProperties": False,
    },
)
SUBMIT = ToolSpec(
    name="submit",
    description="Hand in your work. This ends the task; the files in /work are judged as they are.",
    parameters={
        "type": "object",
        "properties": {"answer": {"type": "string", "description": "A short final answer, or a summary of what was done."}},
        "required": ["answer"],
        "additionalProperties": False,
    },
)
TOOLS = (BASH, SUBMIT)


async def run_bash(sandbox: Sandbox, call: ToolCall, *, timeout_s: float, output_bytes: int) -> tuple[ToolOutcome, ExecResult]:
    """Carry out a call of ``bash``: the outcome as the agent sees it, and the result behind it. Raises ``SandboxError``."""
    command = str(call.arguments["command"])
    result = await sandbox.exec(["bash", "-c", command], timeout_s=timeout_s, output_bytes=output_bytes)
    return ToolOutcome(text=_shown(result, timeout_s), failed=not result.ok), result


def _shown(result: ExecResult, timeout_s: float) -> str:
    parts = []
    for name, data, truncated in (
        ("stdout", result.stdout, result.stdout_truncated),
        ("stderr", result.stderr, result.stderr_truncated),
    ):
        text = decode(data)
        if truncated:
            text += f"\n[{name} was cut here after {len(data)} bytes]"
        if text:
            parts.append(text if name == "stdout" else f"[stderr]\n{text}")
    ending = {
        Ending.exited: f"[exit code {result.exit_code}]" if result.exit_code else "",
        Ending.timed_out: f"[the command was killed after {timeout_s:g} s]",
        Ending.out_of_memory: "[the command was killed: it used more memory than the sandbox has]",
        Ending.output_exceeded: "[the command was killed: it wrote too much output]",
    }[result.ending]
    return "\n".join([*parts, ending]).strip("\n") if parts or ending else "[no output]"
