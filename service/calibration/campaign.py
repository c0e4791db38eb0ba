"""All studies of all organisms, on as many cores as are given. The figures do not depend on how many those are."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import process_time

from service.calibration.best import find_best
from service.calibration.figures import Calibration, OrganismFigures, StudyFigures, Value
from service.calibration.judging import judge_study
from service.calibration.subjects import Course, Subject
from service.calibration.truths import ROLLOUTS_OF_ENDS, Truths
from service.plan import StudyPlan
from unhobble import __version__
from unhobble.analysis.report import LEVEL
from unhobble.configuration import Configuration
from unhobble.errors import UnhobbleError
from unhobble.models.organism.truth import Simulator
from unhobble.registry import Registry, installed
from unhobble.tasks.quality import rehearsals_of
from unhobble.tasks.rehearsal import Rehearsal
from unhobble.vocabulary import Split

ROLLOUTS_FOR_A_STUDY = 800
"""About what a study is followed by: the truth of what it recommends, and the causes of its failures."""


@dataclass(frozen=True)
class Ends:
    """What every study of an organism is measured by: the truth of the baseline, and of the best that the space has."""

    baseline: Configuration
    baseline_value: Value
    best: Configuration
    best_value: Value
    cpu_s: float


@dataclass(frozen=True)
class _Piece:
    """One thing to do: a study where there is a seed, else the ends. ``weight`` is about how many rollouts it takes."""

    subject: Subject
    seed: int | None
    weight: int


def calibrate(
    course: Course,
    subjects: Sequence[Subject],
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    advance: Callable[[str, int, int], None] = lambda *_: None,
) -> Calibration:
    """Put every subject through the course, once for each seed; ``jobs`` processes at once, or in this one where it is 1.

    ``advance`` is told what was finished, and how much of how much of the whole that is. Raises ``UnhobbleError`` where a process
    dies. When it is left early, by Ctrl-C or any error, its processes are ended.
    """
    started_s = time.monotonic()
    ends = [_Piece(subject, None, course.rollouts_for_the_best) for subject in subjects]
    studies = [_Piece(subject, seed, course.rollouts + ROLLOUTS_FOR_A_STUDY) for subject in subjects for seed in seeds]
    whole = sum(piece.weight for piece in (*ends, *studies))
    found: dict[tuple[str, int | None], Ends | StudyFigures] = {}
    for piece, result in _done(course, [*ends, *studies], jobs):  # the long ones first, so that all processes end together
        found[piece.subject.name, piece.seed] = result
        what = f"{piece.subject.name}, " + ("the truth" if piece.seed is None else f"seed {piece.seed}")
        advance(what, piece.weight, whole)
    organisms = tuple(_organism(subject, seeds, found) for subject in subjects)
    return _calibration(course.plan(subjects[0], seeds[0], installed()), course, organisms, seeds).model_copy(
        update={"wall_s": time.monotonic() - started_s, "cores": jobs}
    )


def _organism(
    subject: Subject, seeds: Sequence[int], found: "dict[tuple[str, int | None], Ends | StudyFigures]"
) -> OrganismFigures:
    ends, studies = found[subject.name, None], [found[subject.name, seed] for seed in seeds]
    assert isinstance(ends, Ends)
    return OrganismFigures(
        name=subject.name,
        fingerprint=subject.traits.fingerprint,
        summary=subject.traits.summary,
        baseline=ends.baseline_value,
        best=ends.best_value,
        best_configuration=dict(ends.best.root),
        truth_cpu_s=ends.cpu_s,
        studies=tuple(_same_truth(study, ends) for study in studies if isinstance(study, StudyFigures)),
    )


def _same_truth(study: StudyFigures, ends: Ends) -> StudyFigures:
    """A study that recommends the baseline or the best has that very truth, and not another draw of it."""
    values = {ends.best: ends.best_value, ends.baseline: ends.baseline_value}
    value = values.get(Configuration(study.recommended), study.true_value)
    return study.model_copy(update={"true_value": value})


def _calibration(plan: StudyPlan, course: Course, organisms: tuple[OrganismFigures, ...], seeds: Sequence[int]) -> Calibration:
    return Calibration(
        unhobble=__version__,
        strategy=course.strategy,
        options=course.options,
        space=plan.space.name,
        space_digest=plan.space.digest,
        suite=plan.suite.id,
        suite_version=plan.suite.version,
        suite_digest=plan.suite.digest,
        tasks=len(plan.splits),
        held_out=len(plan.tasks(Split.held_out)),
        rehearsed=rehearsals_of(plan.suite) is not None,
        rollouts=course.rollouts,
        level=LEVEL,
        seeds=tuple(seeds),
        organisms=organisms,
    )


# --- one process --------------------------------------------------------------------------------------------------------
@dataclass
class _Bench:
    """What one process keeps between the pieces it is given."""

    course: Course
    registry: Registry = field(default_factory=installed)
    _ready: dict[str, tuple[Simulator, Truths]] = field(default_factory=dict)
    _rehearsed: dict[str, Rehearsal] | None = None

    def do(self, piece: _Piece) -> Ends | StudyFigures:
        plan = self.course.plan(piece.subject, piece.seed or 0, self.registry)
        simulator, truths = self._of(piece.subject, plan)
        return self._ends(plan, simulator, truths) if piece.seed is None else judge_study(plan, simulator, self.registry, truths)

    def _of(self, subject: Subject, plan: StudyPlan) -> tuple[Simulator, Truths]:
        if subject.name not in self._ready:
            simulator = Simulator(
                subject.traits,
                plan.chosen,
                rehearsals=self._rehearsals(plan),
                limits=plan.spec.limits,
                registry=self.registry,
            )
            self._ready[subject.name] = simulator, Truths(simulator, plan)
        return self._ready[subject.name]

    def _rehearsals(self, plan: StudyPlan) -> dict[str, Rehearsal]:
        if self._rehearsed is None:
            self._rehearsed = rehearsals_of(plan.suite) or {}
        return self._rehearsed

    def _ends(self, plan: StudyPlan, simulator: Simulator, truths: Truths) -> Ends:
        started_s = process_time()
        best = find_best(
            simulator.traits,
            plan.chosen,
            plan.space,
            rehearsals=self._rehearsals(plan),
            limits=plan.spec.limits,
            objective=plan.spec.objective,
            rollouts=self.course.rollouts_for_the_best,
        )
        mean, error = best.truth.under(plan.spec.objective)
        value, found = Value(mean=mean, error=error), best.configuration
        baseline = truths.value(plan.baseline, rollouts=ROLLOUTS_OF_ENDS)
        if baseline.mean > value.mean:  # the baseline is of the space too
            value, found = baseline, plan.baseline
        return Ends(plan.baseline, baseline, found, value, process_time() - started_s)


_bench: _Bench | None = None
"""Of a process that was started for a calibration."""


def _open(course: Course) -> None:
    global _bench  # noqa: PLW0603 - what a pool's process has no other place for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _bench = _Bench(course)


def _do(piece: _Piece) -> Ends | StudyFigures:
    assert _bench is not None
    return _bench.do(piece)


def _done(course: Course, pieces: Sequence[_Piece], jobs: int) -> Iterator[tuple[_Piece, Ends | StudyFigures]]:
    """The pieces with what came of them, as they are finished."""
    if jobs == 1:
        bench = _Bench(course)
        yield from ((piece, bench.do(piece)) for piece in pieces)
        return
    with _pool(course, jobs) as pool:
        futures = {pool.submit(_do, piece): piece for piece in pieces}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise UnhobbleError(
                "a process of the calibration was ended from outside; if memory was short, try fewer with --jobs"
            ) from None


@contextmanager
def _pool(course: Course, jobs: int) -> Iterator[ProcessPoolExecutor]:
    before = multiprocessing.active_children()
    # Not forked: this process may have threads, and a fork of one that holds a lock waits forever.
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_open, initargs=(course,))
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child not in before:
                child.terminate()
        raise


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
