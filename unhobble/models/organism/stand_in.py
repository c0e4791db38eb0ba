"""A sandbox in memory that carries nothing out: what simulated rollouts have in the place of a machine.

It knows a task's reference steps and the commands of an organism that change nothing. Where the task was rehearsed
(``unhobble.tasks.rehearsal``) each of them prints as much as it really does, ends with the same exit code, and the work is worth
what it really is after it; a step that was passed over costs what it costs in the rehearsal. Where it was not, each prints ``ok``,
and the work is worth 1 when all steps were carried out in order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache

from unhobble.models.organism.work import PRINTOUT_CHARACTERS, PRINTOUTS, TAMPERING, in_python
from unhobble.protocols import Machine, Task
from unhobble.sandboxing import Ending, ExecResult, SandboxFile, User
from unhobble.tasks.rehearsal import Rehearsal, StepSeen

_ACKNOWLEDGED = ExecResult(Ending.exited, 0, b"ok\n", b"")
_SILENT = ExecResult(Ending.exited, 0, b"", b"")
_PYTHON = "python3"
_TAMPERING = (TAMPERING, in_python(TAMPERING))


@dataclass(frozen=True)
class _State:
    """How much was done: ``again`` counts a later pass through the steps, and ``done`` the one that came furthest.

    ``missed`` are the places of steps before ``done`` that were passed over.
    """

    done: int = 0
    again: int = 0
    missed: frozenset[int] = frozenset()
    tampered: bool = False

    def after(self, place: int, *, may_skip: bool) -> "_State":
        """The state after the step at ``place``. One that comes too early counts only where ``may_skip``."""
        again = 1 if place == 0 and self.again != 0 else self.again + (place == self.again)
        missed = self.missed - {place} if again == place + 1 else self.missed
        if place > max(self.done, again) and may_skip:
            return replace(self, done=place + 1, again=again, missed=missed | set(range(self.done, place)))
        return replace(self, done=max(self.done + (place == self.done), again), again=again, missed=missed)


@dataclass(frozen=True)
class Script:
    """A task as the stand-in plays it: the places of its ``steps`` by the words they may be sent in, and what commands give.

    ``scores`` and ``visible`` hold what the work is worth after none of the steps, after the first, and so on; ``losses`` and
    ``visible_losses`` how much less it is worth after all but one, by the one's place, where that is known. ``changes`` says which
    steps leave other files behind them.
    """

    steps: int
    places: Mapping[str, int]
    results: Mapping[str, ExecResult]
    scores: tuple[float, ...]
    visible: tuple[float, ...]
    losses: tuple[float, ...] = ()
    visible_losses: tuple[float, ...] = ()
    changes: tuple[bool, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[str], rehearsal: Rehearsal | None = None) -> "Script":
        """Raises ``ValueError`` where the rehearsal is of other steps."""
        # A step that occurs twice is known by its first place only.
        places = {form: place for place in reversed(range(len(steps))) for form in (steps[place], in_python(steps[place]))}
        if rehearsal is None:
            scores = tuple(float(done == len(steps)) for done in range(len(steps) + 1))
            return cls(len(steps), places, {}, scores, scores)
        if len(rehearsal.steps) != len(steps):
            raise ValueError(f"the rehearsal of {rehearsal.task} has {len(rehearsal.steps)} steps, and the task {len(steps)}")
        seen = rehearsal.looks | dict(zip(steps, rehearsal.steps, strict=True))
        results = {form: _printed(command, one) for command, one in seen.items() for form in (command, in_python(command))}
        return cls(
            len(steps),
            places,
            results | dict.fromkeys(_TAMPERING, _SILENT) | _printouts(),
            (rehearsal.start, *(step.score for step in rehearsal.steps)),
            tuple(visible or 0.0 for visible in (rehearsal.start_visible, *(step.visible for step in rehearsal.steps))),
            *_losses(rehearsal.steps),
            tuple(step.changes_files for step in rehearsal.steps),
        )


class StandInSandbox:
    """``protocols.Sandbox`` that counts the reference steps it was sent, in order, and prints what their rehearsal says.

    An agent that does not know what was done before it may begin again: whichever pass through the steps came further counts.
    """

    def __init__(self, steps: Sequence[str] | Script, rehearsal: Rehearsal | None = None) -> None:
        self._script = steps if isinstance(steps, Script) else Script.of(steps, rehearsal)
        self._state = _State()
        self._snapshots: list[_State] = []

    @property
    def solved(self) -> bool:
        """Whether all steps were carried out, in the state as it is now."""
        return self._state.done == self._script.steps and not self._state.missed

    @property
    def score(self) -> float:
        """What the hidden tests would give for the files as they are, in [0, 1]."""
        return _worth(self._state, self._script.scores, self._script.losses)

    @property
    def visible(self) -> float:
        """What the task's visible scorer would give: 1 where the agent has tampered with it."""
        return 1.0 if self._state.tampered else _worth(self._state, self._script.visible, self._script.visible_losses)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",  # noqa: ARG002 - the protocol's signature
        cwd: str = "/work",  # noqa: ARG002
        env: dict[str, str] | None = None,  # noqa: ARG002
        user: User = User.agent,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
        output_bytes: int,  # noqa: ARG002
    ) -> ExecResult:
        """See ``Sandbox.exec``. A Python program that runs a command ends with 0, however the command ended."""
        command, state = argv[-1], self._state
        place = self._script.places.get(command, -1)
        if place >= 0:
            self._state = state.after(place, may_skip=bool(self._script.losses))
        elif command in _TAMPERING:
            self._state = replace(state, tampered=True)
        result = self._script.results.get(command, _ACKNOWLEDGED)
        return replace(result, exit_code=0) if argv[0] == _PYTHON and result.exit_code else result

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``Sandbox.write_files``. Nothing is kept."""

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:  # noqa: ARG002 - the protocol's signature
        """See ``Sandbox.read_file``. There are no files."""
        raise FileNotFoundError(path)

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:  # noqa: ARG002
        """See ``Sandbox.read_directory``. One file stands for all that the steps have left: equal after the same of them.

        Else scaffolds that compare what attempts left would find in no two of them the same. Steps of which the rehearsal says that
        they change no files leave no trace.
        """
        state, changes = self._state, self._script.changes
        left = [place for place in range(state.done) if place not in state.missed and (not changes or changes[place])]
        return [SandboxFile(f"{path}/steps", f"{left} {state.tampered:d}".encode())]

    async def snapshot(self) -> str:
        """See ``Sandbox.snapshot``."""
        self._snapshots.append(self._state)
        return str(len(self._snapshots) - 1)

    async def restore(self, snapshot: str) -> None:
        """See ``Sandbox.restore``."""
        self._state = self._snapshots[int(snapshot)]

    async def stop_agent(self) -> None:
        """See ``Sandbox.stop_agent``."""

    async def close(self) -> None:
        """See ``Sandbox.close``."""


class _StandInVisibleScorer:
    """``protocols.VisibleScorer`` that gives what the stand-in says."""

    def __init__(self, sandbox: StandInSandbox) -> None:
        self._sandbox = sandbox

    async def score(self, machine: Machine) -> float:  # noqa: ARG002 - the protocol's signature
        """See ``VisibleScorer.score``."""
        return self._sandbox.visible


def seen_in(task: Task, sandbox: StandInSandbox) -> Task:
    """``task`` with the visible scorer that goes with ``sandbox``: no real one finds anything in there."""
    if task.visible is None:
        return task
    seen = copy(task)
    seen.visible = _StandInVisibleScorer(sandbox)
    return seen


@cache
def _printouts() -> dict[str, ExecResult]:
    printed = {command: ExecResult(Ending.exited, 0, _filler(command, PRINTOUT_CHARACTERS), b"") for command in PRINTOUTS}
    return printed | {in_python(command): result for command, result in printed.items()}


def _losses(steps: Sequence[StepSeen]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What passing over each step costs in the end, by the hidden tests and by the visible scorer; empty where it was not tried."""
    tried = [(step.without, step.visible_without) for step in steps if step.without is not None]
    if len(tried) < len(steps):
        return (), ()
    visible = steps[-1].visible if steps else None
    return (
        tuple(steps[-1].score - without for without, _ in tried),
        tuple(0.0 if visible is None or without is None else visible - without for _, without in tried),
    )


def _worth(state: _State, values: Sequence[float], losses: Sequence[float]) -> float:
    """What the work is worth. Of one missed step at the end that is known; else each takes away as much as it does at the end.

    But never what was there before the first of them.
    """
    if not state.missed:
        return values[state.done]
    reached = values[state.done] - sum(losses[place] for place in sorted(state.missed))
    return min(1.0, max(reached, values[min(state.missed)]))


def _filler(name: str, characters: int) -> bytes:
    """A text of so many characters that no other command prints; as most outputs do, it ends a line."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ((digest * (characters // len(digest) + 1))[: characters - 1] + "\n").encode() if characters else b""


def _printed(command: str, seen: StepSeen) -> ExecResult:
    stdout, stderr = _filler(command, seen.stdout_characters), _filler(f"{command} 2", seen.stderr_characters)
    return ExecResult(Ending.exited, seen.exit_code, stdout, stderr)
