"""Rollouts of Unhobble, as a worker runs them: scripted model, the react scaffold, the scoring command, the result written down.

.venv/bin/python -m benchmarks.sandbox.unhobble_arm docker|bubblewrap DIRECTORY
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path

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
from unhobble.protocols import Sandbox, Scorer, VisibleScorer
from unhobble.registry import installed
from unhobble.rollout import Equipment, run_rollout
from unhobble.sandboxing import SandboxNeeds, SandboxSpec
from unhobble.spec import ModelSpec, RolloutSpec
from unhobble.transcript import VerdictStep
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


class Sum:
    """``protocols.Task`` that is scored by one command, the same as everyone's."""

    id, family, human_minutes = "sum", "bench", 1.0
    instruction, needs = INSTRUCTION, SandboxNeeds()
    hints: tuple[str, ...] = ()
    reference_steps: tuple[str, ...] = COMMANDS
    reference_submission = "done"
    visible: VisibleScorer | None = None

    def __init__(self) -> None:
        self.scorer: Scorer = self

    async def set_up(self, sandbox: Sandbox) -> None:
        """See ``protocols.Task``."""

    async def score(self, sandbox: Sandbox, submission: str | None) -> VerdictStep:
        """See ``protocols.Scorer``."""
        del submission
        result = await sandbox.exec(["python3", "-c", CHECK], timeout_s=COMMAND_TIMEOUT_S, output_bytes=65_536)
        return VerdictStep(score=float(result.ok))


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
        self._equipment = Equipment(Sum(), ScriptedModel(), provider, registry)
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
