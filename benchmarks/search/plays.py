"""Plays: which are wanted, which were kept, and playing those that are missing over several processes."""

import hashlib
import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.search import surfaces
from benchmarks.search.contenders import contender
from benchmarks.search.play import Reading, Surface, play, problem
from search_spaces.space import Space
from unhobble.configuration import Configuration
from unhobble.errors import BadInput, Issue, UnhobbleError
from unhobble.messages import Frozen
from unhobble.records import TaskInfo

_MAKE_TRUTH = ("surfaces.py", "truth.py", "places.py", "play.py")


class Play(Frozen):
    """One search of one strategy on one surface, with what it would have answered after each of some budgets."""

    strategy: str
    surface: str
    made_of: str
    seed: int
    in_flight: int
    budget: int
    baseline: float
    best: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Job:
    """A play that is wanted. ``surface`` is a class, or ``FILE.py:FACTORY``."""

    strategy: str
    surface: str
    seed: int
    in_flight: int
    budgets: tuple[int, ...]

    def is_done_by(self, done: Play) -> bool:
        """Whether ``done`` shows what is wanted, on the very surface and outcomes that it is wanted on."""
        same = (done.strategy, done.surface, done.seed, done.in_flight) == (self.strategy, self.surface, self.seed, self.in_flight)
        budgets = {reading.budget for reading in done.readings}
        enough = set(self.budgets) <= budgets and (contender(self.strategy).anytime or done.budget == max(self.budgets))
        return same and enough and done.made_of == made_of(self.surface)


def wanted(
    strategies: Sequence[str], surfaces_: Sequence[str], seeds: Sequence[int], budgets: Sequence[int], in_flight: int
) -> list[Job]:
    """A job for each strategy, surface and seed, and for each budget where it matters how large it is. Surface by surface."""
    jobs = []
    for seed in seeds:
        for surface in surfaces_:
            for strategy in strategies:
                rounds = [tuple(budgets)] if contender(strategy).anytime else [(budget,) for budget in budgets]
                jobs += [Job(strategy, surface, seed, in_flight, some) for some in rounds]
    return jobs


def carried_out(jobs: Sequence[Job], *, processes: int) -> Iterator[Play]:
    """The plays of ``jobs`` as they are finished. No process outlives the iterator. Raises what ``carry_out`` does.

    Each process computes with one thread, so that CPU seconds do not depend on the machine's cores.
    """
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    # Not forked: the library for linear algebra reads these variables when it is loaded.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            for future in as_completed([pool.submit(carry_out, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def carry_out(job: Job) -> Play:
    """Play ``job`` in this process. Raises ``UnhobbleError`` and whatever else a strategy raises, which say what was played."""
    at = f"while {job.strategy} searched {job.surface} {job.seed}"
    try:
        surface = surface_of(job.surface, job.seed)
        return _played(job, surface)
    except UnhobbleError as error:
        raise UnhobbleError(f"{at}: {error}") from error  # another class of error may not pass from process to process
    except Exception as error:
        error.add_note(at)
        raise


def _played(job: Job, surface: Surface) -> Play:
    strategy = contender(job.strategy).make(problem(surface, seed=job.seed, rollouts=max(job.budgets)))
    try:
        readings = play(strategy, surface, name=job.surface, seed=job.seed, budgets=job.budgets, in_flight=job.in_flight)
    finally:
        if close := getattr(strategy, "close", None):  # a peer in a process of its own
            close()
    return Play(
        strategy=job.strategy,
        surface=job.surface,
        made_of=made_of(job.surface),
        seed=job.seed,
        in_flight=job.in_flight,
        budget=max(job.budgets),
        baseline=surface.success(surface.space.baseline),
        best=surface.best,
        readings=tuple(readings),
    )


# --- surfaces -----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=2)
def surface_of(name: str, seed: int) -> Surface:
    """The surface of a class, or of ``FILE.py:FACTORY``. Raises ``BadInput``."""
    if ":" not in name:
        try:
            return surfaces.surface(name, seed)
        except ValueError as error:
            raise BadInput([Issue("classes", str(error))]) from None
    return _Foreign(name, _factory(name)(seed))


def made_of(name: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the code that a surface's truth and its outcomes come from."""
    here = Path(__file__).parent
    files = [here / one for one in _MAKE_TRUTH] + ([Path(name.rpartition(":")[0])] if ":" in name else [])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


class _Foreign:
    """A surface that somebody else wrote, checked. Raises ``BadInput``."""

    def __init__(self, name: str, surface: Any) -> None:
        lacking = [part for part in ("space", "tasks", "probability", "best") if not hasattr(surface, part)]
        if lacking:
            raise BadInput([Issue("surface", f"{name} has no {', '.join(lacking)}")])
        self._surface = surface
        self.space: Space = surface.space
        self.tasks = tuple(
            TaskInfo(id=str(task.id), family=str(getattr(task, "family", "")), human_minutes=float(task.human_minutes))
            for task in surface.tasks
        )
        self.best = float(surface.best)
        if not self.tasks:
            raise BadInput([Issue("surface", f"{name} has no tasks")])
        if not 0 <= self.best <= 1:
            raise BadInput([Issue("surface", f"{name}: best must be from 0 to 1, not {self.best}")])
        if issues := self.space.contains(self.space.baseline):
            raise BadInput([Issue(f"surface.baseline.{issue.path}", issue.message) for issue in issues])

    def probability(self, configuration: Configuration, task: str) -> float:
        probability = float(self._surface.probability(configuration, task))
        if not 0 <= probability <= 1:
            raise BadInput([Issue("surface", f"the probability of {task} must be from 0 to 1, not {probability}")])
        return probability

    def success(self, configuration: Configuration) -> float:
        if hasattr(self._surface, "success"):
            return float(self._surface.success(configuration))
        return sum(self.probability(configuration, task.id) for task in self.tasks) / len(self.tasks)


def _factory(name: str) -> Any:
    path, _, factory = name.rpartition(":")
    file = Path(path)
    if file.suffix != ".py" or not file.is_file():
        raise BadInput([Issue("surface", f"write FILE.py:FACTORY; there is no Python file {path!r}")])
    spec = importlib.util.spec_from_file_location(f"surface_{file.stem}", file)
    assert spec is not None  # there is one for every name that ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadInput([Issue("surface", f"{path} cannot be imported: {type(error).__name__}: {error}")]) from error
    if not callable(getattr(module, factory, None)):
        raise BadInput([Issue("surface", f"{path} has no function {factory!r}")])
    return getattr(module, factory)


# --- what was kept ------------------------------------------------------------------------------------------------------
def kept(file: Path | None) -> tuple[list[Play], int]:
    """The plays that stand in ``file``, and how many of its lines cannot be read."""
    if file is None or not file.exists():
        return [], 0
    plays, unreadable = [], 0
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            plays.append(Play.model_validate_json(line))
        except ValidationError:
            unreadable += 1
    return plays, unreadable


def keep(plays: Iterable[Play], file: Path) -> None:
    """Add a line for each of ``plays``; where the last line was cut short, it gets its end first."""
    with file.open("a+b") as lines:
        if lines.tell():
            lines.seek(-1, os.SEEK_END)
            if lines.read() != b"\n":
                lines.write(b"\n")
        lines.writelines(one.model_dump_json().encode() + b"\n" for one in plays)
