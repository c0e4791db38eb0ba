"""One rollout: open the sandbox, set the task up, run the scaffold, collect the submission, score, close."""

import asyncio
import time
from dataclasses import dataclass

from unhobble.analysis.failures import label_failure
from unhobble.configuration import SLOTS, Sampling
from unhobble.context import LiveContext
from unhobble.errors import (
    ContextOverflow,
    InfrastructureError,
    LimitReached,
    ModelError,
    RolloutEscape,
    SandboxSpoiled,
    TaskError,
    attributed_to,
)
from unhobble.limits import Meter
from unhobble.protocols import ModelClient, Sandbox, SandboxProvider, Scaffold, Task
from unhobble.recorded_sandbox import RecordedSandbox
from unhobble.registry import Registry
from unhobble.results import Identity, RolloutResult, Spend
from unhobble.spec import RolloutSpec
from unhobble.transcript import ErrorStep, LimitStep, Recorder, SubmissionStep
from unhobble.vocabulary import LimitKind


@dataclass(frozen=True)
class Equipment:
    """What a rollout is run with: opened once for many rollouts."""

    task: Task
    model: ModelClient
    provider: SandboxProvider
    registry: Registry


async def run_rollout(spec: RolloutSpec, equipment: Equipment) -> RolloutResult:
    """Run and judge one rollout. Never raises but for cancellation: what went wrong is in the result."""
    started_s = time.monotonic()
    recorder, sandbox, score, error = Recorder(), None, None, None
    context: LiveContext | None = None
    submission: str | None = None
    try:
        with attributed_to("the sandbox"):
            sandbox = await equipment.provider.open(spec.sandbox, label=spec.id, study=spec.study)
        ours = RecordedSandbox(sandbox, recorder)
        with attributed_to("the set-up of the task"):
            await _set_up(equipment.task, ours)
        with attributed_to("the configuration"):
            scaffold, context = _assemble(spec, equipment, sandbox, recorder)
        submission = await _run_agent(scaffold, context, spec, recorder)
        recorder.add(SubmissionStep(text=submission))
        with attributed_to("the scoring"):
            await sandbox.stop_agent()
            verdict = await equipment.task.scorer.score(ours, submission)
        recorder.add(verdict)
        score = verdict.score
    except RolloutEscape as escape:
        error = escape
        recorder.add(ErrorStep(error=type(escape).__name__, text=str(escape)))
        score = None if isinstance(escape, InfrastructureError) else 0.0
    finally:
        if sandbox is not None:
            await sandbox.close()
    label = None if score == 1.0 else label_failure(recorder.steps, spec.limits)
    spend = context.spend if context else Spend()
    identity = context.identity if context else Identity(asked=spec.model.id, simulated=spec.model.is_organism)
    return RolloutResult(
        rollout_id=spec.id,
        score=score,
        label=label,
        submission=submission,
        identity=identity,
        spend=spend.model_copy(update={"duration_s": round(time.monotonic() - started_s, 4)}),
        sandbox=equipment.provider.name,
        transcript=recorder.finish(),
        error=str(error) if error else None,
        retryable=not (isinstance(error, ModelError) and not error.retryable),
    )


async def _set_up(task: Task, sandbox: Sandbox) -> None:
    try:
        await task.set_up(sandbox)
    except SandboxSpoiled as error:
        raise TaskError(f"the set-up of {task.id} is too much for its sandbox: {error}") from error


async def _run_agent(scaffold: Scaffold, context: LiveContext, spec: RolloutSpec, recorder: Recorder) -> str | None:
    """Run the scaffold until it submits, stops, or reaches a limit: then its files are judged as they are."""
    deadline = asyncio.timeout(spec.limits.time_s)
    try:
        with attributed_to(f"the scaffold {spec.configuration.root['scaffold']}"):
            try:
                async with deadline:
                    return await scaffold.run(context)
            except TimeoutError:
                if not deadline.expired():
                    raise
                raise LimitReached(LimitKind.time, spec.limits.time_s) from None
    except LimitReached as reached:
        recorder.add(LimitStep(limit=reached.kind.value, text=str(reached)))
    except ContextOverflow as overflow:
        recorder.add(ErrorStep(error=type(overflow).__name__, text=str(overflow)))
    return None


def _assemble(spec: RolloutSpec, equipment: Equipment, sandbox: Sandbox, recorder: Recorder) -> tuple[Scaffold, LiveContext]:
    """Build what the configuration names, and the context that the scaffold will see."""
    parts = {slot: equipment.registry.build(kind, *spec.configuration.plugin(slot)) for slot, kind in SLOTS.items()}
    context = LiveContext(
        instruction=equipment.task.instruction,
        prompt=parts["prompt"],
        tool_format=parts["tool_format"],
        model=equipment.model,
        sandbox=sandbox,
        sampling=Sampling.model_validate(spec.configuration.section("model")),
        seed=spec.seed,
        meter=Meter(spec.limits),
        recorder=recorder,
        simulated=spec.model.is_organism,
    )
    return parts["scaffold"], context
