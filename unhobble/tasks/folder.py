"""Tasks as data folders, the format of the built-in suites.

::

    suite.yaml                title, version, description, human_minutes_note
    <task id>/
        task.yaml             family, human_minutes, human_minutes_source, instruction, solution (list of bash commands); hints
                              (what an evaluator may tell as an advantage); visible, a command that prints a score in [0, 1] the
                              agent may know; sandbox where the task needs more than the study gives (``sandboxing.SandboxNeeds``);
                              stands_already, the agent's files (by path below /work) of which the solution or the tests hold a
                              copy, and why that gives nothing away
        environment/          with a Dockerfile: the image that the task is made for (optional; or ``sandbox.image``)
        files/                copied to /work before the agent starts (optional)
        setup.sh              run by bash in /work before the agent starts (optional)
        tests/                hidden; copied to /tests, with harness.py, after the agent stopped. check.py holds the checks
"""

import hashlib
import json
import math
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from unhobble.errors import BadInput, Issue, TaskError
from unhobble.messages import Frozen
from unhobble.protocols import Machine, Sandbox, Scorer, Task, VisibleScorer
from unhobble.registry import validation_issues
from unhobble.sandboxing import BUILT_IMAGE, TESTS_DIR, WORK_DIR, SandboxFile, SandboxNeeds, User
from unhobble.text import decode
from unhobble.transcript import VerdictStep

M = TypeVar("M", bound=Frozen)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML has it: a suite is read in a tenth of the time."""

_HARNESS = Path(__file__).with_name("harness.py")
_SET_UP_TIMEOUT_S = 120.0
_SCORING_TIMEOUT_S = 120.0
_OUTPUT_BYTES = 65_536


class _TaskFile(Frozen):
    family: str
    human_minutes: float = Field(gt=0)
    human_minutes_source: Literal["estimate", "measured"]
    instruction: str
    solution: tuple[str, ...] = Field(min_length=1)
    hints: tuple[str, ...] = ()
    visible: str | None = None
    stands_already: dict[str, str] = Field(default_factory=dict)
    sandbox: SandboxNeeds = SandboxNeeds()


class _SuiteFile(Frozen):
    title: str
    version: str
    description: str
    human_minutes_note: str


class HiddenTests:
    """Scorer that copies a folder of hidden tests into the sandbox and runs the harness over it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def score(self, sandbox: Sandbox, submission: str | None) -> VerdictStep:
        """See ``protocols.Scorer``. The submission's text is at ``/tests/submission.txt`` (empty where there is none)."""
        files = [*_files_below(self._folder, TESTS_DIR), SandboxFile(f"{TESTS_DIR}/harness.py", _HARNESS.read_bytes())]
        files.append(SandboxFile(f"{TESTS_DIR}/submission.txt", (submission or "").encode()))
        await sandbox.write_files(files, user=User.keeper)
        # The checks run with the agent's rights: they may start what the agent wrote.
        command = ["python3", "-E", "-s", "-B", f"{TESTS_DIR}/harness.py"]
        result = await sandbox.exec(command, timeout_s=_SCORING_TIMEOUT_S, output_bytes=_OUTPUT_BYTES)
        lines = decode(result.stdout).strip().splitlines()
        try:
            verdict = json.loads(lines[-1])
            return VerdictStep(score=verdict["score"], passed=tuple(verdict["passed"]), failed=verdict["failed"])
        except (IndexError, KeyError, TypeError, ValueError):
            shown = (lines[-1:] or [decode(result.stderr)[-500:]])[0]
            raise TaskError(f"the checks gave no verdict ({result.ending.value}, exit {result.exit_code}): {shown}") from None


class VisibleCommand:
    """``protocols.VisibleScorer``: a bash command, run as the agent in ``/work``, whose last line of output is the score."""

    def __init__(self, command: str) -> None:
        self._command = command

    async def score(self, machine: Machine) -> float:
        """See ``protocols.VisibleScorer``."""
        result = await machine.exec(["bash", "-c", self._command])
        lines = decode(result.stdout).strip().splitlines()
        try:
            score = float(lines[-1])
        except (IndexError, ValueError):
            return 0.0
        return min(1.0, max(0.0, score)) if math.isfinite(score) else 0.0


class FolderTask:
    """``protocols.Task`` read from a folder. Raises ``BadInput`` when the folder does not follow the format."""

    def __init__(self, folder: Path) -> None:
        data = _read(folder / "task.yaml", _TaskFile)
        self.id = folder.name
        self.family = data.family
        self.human_minutes = data.human_minutes
        self.instruction = data.instruction.strip()
        self.hints = data.hints
        self.reference_steps = tuple(step.strip("\n") for step in data.solution)
        self.reference_submission = "The work is done."
        self.visible: VisibleScorer | None = VisibleCommand(data.visible) if data.visible else None
        self.stands_already = data.stands_already
        self.needs = _needs(folder, data.sandbox)
        self.scorer: Scorer = HiddenTests(folder / "tests")
        self._folder = folder

    async def set_up(self, sandbox: Sandbox) -> None:
        """See ``protocols.Task``."""
        if files := _files_below(self._folder / "files", WORK_DIR):
            await sandbox.write_files(files)
        script = self._folder / "setup.sh"
        if not script.exists():
            return
        command = ["bash", "-c", script.read_text()]
        result = await sandbox.exec(command, timeout_s=_SET_UP_TIMEOUT_S, output_bytes=_OUTPUT_BYTES)
        if not result.ok:
            shown = decode(result.stderr)[-500:]
            raise TaskError(f"setup.sh of {self.id} failed ({result.ending.value}, exit {result.exit_code}): {shown}")


class FolderSuite:
    """``protocols.TaskSuite`` read from a folder of task folders. Raises ``BadInput`` with all that is wrong in any of them."""

    def __init__(self, suite_id: str, folder: Path) -> None:
        data = _read(folder / "suite.yaml", _SuiteFile)
        self.id = suite_id
        self.title = data.title
        self.version = data.version
        self.description = data.description
        self.human_minutes_note = data.human_minutes_note
        self.quality_file = folder.with_name(f"{folder.name}.quality.json")
        self.tasks: tuple[Task, ...] = tuple(_tasks(folder))
        self._folder = folder

    @cached_property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 over all files, by path."""
        total = hashlib.sha256(_HARNESS.read_bytes())
        for file in _files_below(self._folder, ""):
            total.update(f"{file.path}\0{len(file.data)}\0{file.executable:d}\0".encode() + file.data)
        return total.hexdigest()[:16]


def _tasks(folder: Path) -> list[FolderTask]:
    tasks, issues = [], []
    for path in sorted(folder.glob("*/task.yaml")):
        try:
            tasks.append(FolderTask(path.parent))
        except BadInput as error:
            issues += error.issues
    if not tasks and not issues:
        issues.append(Issue(folder.name, "has no tasks; a task is a folder with a task.yaml"))
    if issues:
        raise BadInput(issues)
    return tasks


def _needs(folder: Path, stated: SandboxNeeds) -> SandboxNeeds:
    """What the task needs of its sandbox, with its ``environment/`` as the image."""
    environment = folder / "environment"
    if not environment.exists():
        return stated
    if stated.image is not None:
        raise BadInput([Issue(f"{folder.name}/task.yaml.sandbox.image", f"{stated.image!r}, and there is environment/; keep one")])
    if not (environment / "Dockerfile").is_file():
        raise BadInput([Issue(f"{folder.name}/environment", "has no Dockerfile; write one, or set sandbox.image in task.yaml")])
    return stated.model_copy(update={"image": f"{BUILT_IMAGE}{environment.resolve()}"})


def _files_below(folder: Path, target: str) -> list[SandboxFile]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [
        SandboxFile(f"{target}/{path.relative_to(folder).as_posix()}", path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in paths
    ]


def _read(path: Path, model: type[M]) -> M:
    at = f"{path.parent.name}/{path.name}"
    try:
        return model.model_validate(yaml.load(path.read_text(), Loader=_LOADER))  # noqa: S506  # a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput([Issue(at, f"cannot be read: {error}")]) from None
    except ValidationError as error:
        raise BadInput(validation_issues(error, at)) from None
