"""Rollouts of Unhobble, as a worker runs them: scripted model, the react scaffold, hidden tests, the result written down.

.venv/bin/python -m benchmarks.sandbox.unhobble_arm docker|bubblewrap DIRECTORY
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import cast

import yaml

from benchmarks.sandbox.workload import (
    CHECK,
    COMMAND_TIMEOUT_S,
    COMMANDS,
    INSTRUCTION,
    TOKENS_IN,
    TOKENS_OUT,
    answer,
    order,
    reserve_stdout,
)
from unhobble.configuration import Configuration
from unhobble.limits import Limits
from unhobble.messages import Estimate, ModelAnswer, ModelRequest, NativeCall, Usage
from unhobble.protocols import Task
from unhobble.registry import installed
from unhobble.rollout import Equipment, run_rollout
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import ModelSpec, RolloutSpec
from unhobble.tasks.folder import FolderTask
from unhobble.vocabulary import PluginKind, Split

_CONFIGURATION = Configuration({"prompt": "plain", "tool_format": "native", "scaffold": "react"})


class ScriptedModel:
    """``protocols.ModelClient`` that makes the commands in turn, then submits."""

    model = "organism/scripted"

    def estimate(self, request: ModelRequest) -> Estimate:
        """See ``protocols.ModelClient``."""
        del request
        return Estimate(tokens=TOKENS_IN + TOKENS_OUT, usd=None)

    async def complete(self, request: ModelRequest, *, timeout_s: float) -> ModelAnswer:
        """See ``protocols.ModelClient``."""
        del timeout_s
        turn = sum(message.role == "assistant" for message in request.messages)
        submits = turn == len(COMMANDS)
        arguments = {"answer": "done"} if submits else {"command": COMMANDS[turn]}
        call = NativeCall(id=f"call-{turn}", name="submit" if submits else "bash", arguments=json.dumps(arguments))
        usage = Usage(input_tokens=TOKENS_IN, output_tokens=TOKENS_OUT)
        return ModelAnswer(content="", tool_calls=(call,), finish_reason="tool_calls", usage=usage, cost_usd=None, model=self.model)

    async def close(self) -> None:
        """See ``protocols.ModelClient``."""


def make_task(folder: Path) -> Task:
    """The task as a folder with hidden tests, which are copied in and run by the harness as for any task."""
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "check.py").write_text(f"def test_the_sum_is_right():\n    {CHECK}\n")
    description = {"family": "bench", "human_minutes": 1, "human_minutes_source": "estimate", "instruction": INSTRUCTION}
    (folder / "task.yaml").write_text(yaml.safe_dump(description | {"solution": list(COMMANDS)}))
    return cast("Task", FolderTask(folder))


def make_spec(backend: str, number: int) -> RolloutSpec:
    """One rollout with a study's defaults."""
    return RolloutSpec(
        id=f"bench-{number}",
        study="bench",
        trial=0,
        configuration=_CONFIGURATION,
        suite="bench",
        task="sum",
        split=Split.search,
        epoch=number,
        seed=0,
        model=ModelSpec(id=ScriptedModel.model),
        sandbox=SandboxSpec(backend=backend),
        limits=Limits(command_timeout_s=COMMAND_TIMEOUT_S),
    )


class Runner:
    """Runs rollouts on one backend and writes their results, transcripts included, to a file."""

    def __init__(self, backend: str, directory: Path) -> None:
        registry = installed()
        provider = registry.build(PluginKind.sandbox, backend)
        self._equipment = Equipment(make_task(directory / "sum"), ScriptedModel(), provider, registry)
        self._results = directory / "results.jsonl"
        self._specs = (make_spec(backend, number) for number in itertools.count())
        self.provider = provider

    async def run(self, rollouts: int, at_once: int) -> int:
        """Run so many rollouts; the number that scored 1. Raises ``RuntimeError`` where one could not be run."""
        places = asyncio.Semaphore(at_once)

        async def one(spec: RolloutSpec) -> bool:
            async with places:
                result = await run_rollout(spec, self._equipment)
            with self._results.open("a") as results:
                results.write(result.model_dump_json() + "\n")
            if result.error:
                raise RuntimeError(f"rollout {spec.id} on {spec.sandbox.backend}: {result.error}")
            return result.score == 1.0

        return sum(await asyncio.gather(*(one(spec) for spec in itertools.islice(self._specs, rollouts))))


async def main() -> None:
    """Serve one backend. The event loop goes on between orders, as a worker's does: sandboxes are started ahead of need there."""
    runner, answers = Runner(sys.argv[1], Path(sys.argv[2])), reserve_stdout()
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer(answers, await runner.run(*order(line)))
    finally:
        await runner.provider.close()


if __name__ == "__main__":
    asyncio.run(main())
