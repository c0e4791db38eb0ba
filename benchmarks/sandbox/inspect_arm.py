"""Rollouts of Inspect AI: its react agent with its bash tool, its own mock model and a scorer that runs one command.

    .venv-bench/bin/python -m benchmarks.sandbox.inspect_arm docker|local DIRECTORY

Each line on stdin is one evaluation with that many samples, with Inspect's defaults: logs are written, sandboxes removed. Only its
display is off. The compose file is the one that Inspect makes for a sandbox without one, but for the image.
"""

import sys
from pathlib import Path

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import ToolChoice, ToolInfo, bash
from inspect_ai.util import sandbox

from benchmarks.sandbox.workload import (
    CHECK,
    COMMAND_TIMEOUT_S,
    COMMANDS,
    IMAGE,
    INSTRUCTION,
    TOKENS_IN,
    TOKENS_OUT,
    answer,
    order,
    reserve_stdout,
)

_COMPOSE = f"""\
services:
  default:
    image: {IMAGE}
    x-local: true
    command: tail -f /dev/null
    init: true
    network_mode: none
    stop_grace_period: 1s
"""


def script(messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig) -> ModelOutput:
    """The mock model: the commands in turn, then the submission."""
    del choice, config
    turn = sum(message.role == "assistant" for message in messages)
    if turn < len(COMMANDS):
        parameter = next(iter(next(tool for tool in tools if tool.name == "bash").parameters.properties))
        output = ModelOutput.for_tool_call("mockllm/model", "bash", {parameter: COMMANDS[turn]})
    else:
        output = ModelOutput.for_tool_call("mockllm/model", "submit", {"answer": "done"})
    output.usage = ModelUsage(input_tokens=TOKENS_IN, output_tokens=TOKENS_OUT, total_tokens=TOKENS_IN + TOKENS_OUT)
    return output


@scorer(metrics=[mean()])  # type: ignore[untyped-decorator]  # its types are in an environment of their own
def checked() -> Scorer:
    """1 where the scoring command succeeds."""

    async def score(state: TaskState, target: Target) -> Score:
        del state, target
        result = await sandbox().exec(["python3", "-c", CHECK], timeout=COMMAND_TIMEOUT_S)
        return Score(value=float(result.success), explanation=result.stderr)

    return score


def run(rollouts: int, at_once: int, kind: str, directory: Path) -> int:
    """One evaluation of ``rollouts`` samples; the number that scored 1."""
    task = Task(
        dataset=[Sample(input=INSTRUCTION, target="done") for _ in range(rollouts)],
        solver=react(tools=[bash(timeout=COMMAND_TIMEOUT_S)]),
        scorer=checked(),
        sandbox=("docker", str(directory / "compose.yaml")) if kind == "docker" else "local",
    )
    model = get_model("mockllm/model", custom_outputs=script, memoize=False)
    logs = evaluate(task, model=model, display="none", log_dir=str(directory / "logs"), max_samples=at_once)
    if logs[0].status != "success" or logs[0].results is None:
        raise RuntimeError(f"Inspect's evaluation ended as {logs[0].status}: {logs[0].error and logs[0].error.message}")
    score: float = logs[0].results.scores[0].metrics["mean"].value
    return round(score * rollouts)


def main() -> None:
    """Serve one kind of sandbox; logs and the compose file go to a scratch directory."""
    kind, directory = sys.argv[1], Path(sys.argv[2])
    (directory / "compose.yaml").write_text(_COMPOSE)
    answers = reserve_stdout()
    for line in sys.stdin:
        answer(answers, run(*order(line), kind, directory))


if __name__ == "__main__":
    main()
