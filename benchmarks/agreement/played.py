"""Plays cases in real sandboxes, many at once, and simulates the same ones."""

import asyncio
import resource
import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import isclose

from benchmarks.agreement.cases import Case, World
from unhobble.limits import Limits
from unhobble.messages import Frozen
from unhobble.models import connect
from unhobble.models.organism.traits import load_traits
from unhobble.models.organism.truth import SimulatedRollout, Simulator
from unhobble.protocols import ModelClient, SandboxProvider
from unhobble.registry import installed
from unhobble.results import RolloutResult
from unhobble.rollout import Equipment, run_rollout
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import ModelSpec, RolloutSpec, rollout_seed
from unhobble.transcript import AnswerStep, CallStep, ErrorStep, FormatProblemStep, LimitStep, NoteStep, Step, SubmissionStep
from unhobble.vocabulary import PluginKind, Split

LIMITS = Limits()
SANDBOX = SandboxSpec(backend="bubblewrap")
_OTHERS = 2**31
"""Added to the seed for the rollouts that share nothing but their configuration and task with the real ones."""
_SHOWN = 300


class Outcome(Frozen):
    """A case as it came out. ``real`` is None where the rollout was invalid, and ``error`` then says why.

    ``other`` is the simulated score under a seed of its own. ``parting`` is where the transcripts part, in words; empty where
    both ways made the same calls and the same answers. The seconds are this rollout's share of those of its batch.
    """

    organism: str
    number: int
    seed: int
    case: str
    real: float | None
    simulated: float
    other: float
    parting: str
    error: str | None
    real_cpu_s: float
    real_wall_s: float
    simulated_cpu_s: float

    @property
    def differs(self) -> bool:
        """Whether the two ways gave different scores to one rollout."""
        return self.real is not None and not isclose(self.real, self.simulated, abs_tol=1e-9)


def simulator(organism: str, world: World) -> Simulator:
    """Of a shipped organism that knows all built-in tasks."""
    return Simulator(load_traits(organism), world.tasks, rehearsals=world.rehearsals, limits=LIMITS)


def play(cases: Sequence[Case], world: World, *, seed: int, at_once: int) -> list[Outcome]:
    """Play ``cases``, which are of one organism, ``at_once`` of them at a time. Not inside an event loop."""
    before_s, began_s = _cpu_s(), time.monotonic()
    real = asyncio.run(_real(cases, world, seed, at_once))
    between_s, wall_s = _cpu_s(), time.monotonic() - began_s
    simulating = simulator(cases[0].organism, world)
    pairs = [_simulated(case, world, simulating, seed) for case in cases]
    after_s = _cpu_s()
    return [
        Outcome(
            organism=case.organism,
            number=case.number,
            seed=seed,
            case=case.digest,
            real=result.score,
            simulated=played.score,
            other=other,
            parting=parting(result.transcript.steps, played.steps),
            error=result.error,
            real_cpu_s=(between_s - before_s) / len(cases),
            real_wall_s=wall_s / len(cases),
            simulated_cpu_s=(after_s - between_s) / 2 / len(cases),
        )
        for case, result, (played, other) in zip(cases, real, pairs, strict=True)
    ]


def _simulated(case: Case, world: World, simulating: Simulator, seed: int) -> tuple[SimulatedRollout, float]:
    task = world.task(case)
    played = simulating.play(case.configuration, task, epoch=case.number, seed=seed)
    return played, simulating.simulate(case.configuration, task, epoch=case.number, seed=seed + _OTHERS)


async def _real(cases: Sequence[Case], world: World, seed: int, at_once: int) -> list[RolloutResult]:
    provider: SandboxProvider = installed().build(PluginKind.sandbox, SANDBOX.backend)
    model = connect(ModelSpec(id=f"organism/{cases[0].organism}"))
    places = asyncio.Semaphore(at_once)
    try:
        async with asyncio.TaskGroup() as group:
            under_way = [group.create_task(_one(case, world, seed, provider, model, places)) for case in cases]
    finally:
        await model.close()
        await provider.close()
    return [task.result() for task in under_way]


async def _one(
    case: Case, world: World, seed: int, provider: SandboxProvider, model: ModelClient, places: asyncio.Semaphore
) -> RolloutResult:
    configuration = case.configuration
    spec = RolloutSpec(
        id=f"agreement-{case.organism}-{seed}-{case.number}",
        study="agreement",
        trial=0,
        configuration=configuration,
        suite=case.suite,
        task=case.task,
        split=Split.search,
        epoch=case.number,
        seed=rollout_seed(seed, configuration, case.task, case.number),
        model=ModelSpec(id=f"organism/{case.organism}"),
        sandbox=SANDBOX,
        limits=configuration.limits(LIMITS),
    )
    equipment = Equipment(task=world.task(case), model=model, provider=provider, registry=installed())
    async with places:
        return await run_rollout(spec, equipment)


def parting(real: Sequence[Step], simulated: Sequence[Step]) -> str:
    """The first thing that the agent did, or was told of it, in one transcript and not in the other; empty where there is none.

    What commands print is not compared, for a stand-in knows only how long it is.
    """
    last = "the start"
    for mine, theirs in zip_longest(_told(real), _told(simulated)):
        if mine != theirs:
            return f"after {last[:_SHOWN]}\n  real:      {_cut(mine)}\n  simulated: {_cut(theirs)}"
        last = str(mine)
    return ""


def _told(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        match step:
            case AnswerStep(purpose=purpose, answer=answer):
                yield f"{purpose}: {answer.content} {[call.arguments for call in answer.tool_calls] or ''}"
            case CallStep(call=call, failed=failed, exit_code=code, truncated=truncated):
                yield f"{call.name} {call.arguments}: failed {failed}, exit code {code}, truncated {truncated}"
            case FormatProblemStep(problem=problem):
                yield f"problem: {problem}"
            case LimitStep(text=text) | SubmissionStep(text=text) | ErrorStep(text=text):
                yield f"{step.kind}: {text}"
            case NoteStep(text=text) if not text.startswith("the model was shown"):
                yield f"note: {text}"
            case _:
                pass


def _cut(text: str | None) -> str:
    if text is None:
        return "(the end)"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 3]} [...] {text[-_SHOWN:]}"


def _cpu_s() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
