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

from service.calibration.best import find_best, fresh_scores
from service.calibration.figures import Calibration, OrganismFigures, StudyFigures, Value
from service.calibration.judging import judge_study
from service.calibration.simulations import Simulations
from service.calibration.subjects import Course, Subject
from service.calibration.truths import ROLLOUTS_OF_ENDS, Truths
from service.plan import StudyPlan
from unhobble import __version__
from unhobble.analysis.report import LEVEL
from unhobble.configuration import Configuration
from unhobble.errors import UnhobbleError
from unhobble.models.organism.truth import Simulator, Truth
from unhobble.registry import Registry, installed
from unhobble.tasks.quality import rehearsals_of
from unhobble.tasks.rehearsal import Rehearsal
from unhobble.vocabulary import Split

ROLLOUTS_FOR_A_STUDY = 800
"""About what a study is followed by: the truth of what it recommends, and the causes of its failures."""


@dataclass(frozen=True)
class Ends:
    """What every study of an organism is measured by: the truth of the baseline, and of the best that the space has.

    ``best_on_search`` is of the same rollouts as ``best_value``, those on search tasks.
    """

    baseline: Configuration
    baseline_value: Value
    best: Configuration
    best_value: Value
    best_on_search: Value
    cpu_s: float


RIVALS = 2
"""Recommendations of an organism's studies that are measured against the best that the long search found, at the most."""

_ROLLOUTS_OF_A_RIVAL = 1_300
"""About what one of them takes."""


@dataclass(frozen=True)
class _Piece:
    """One thing to do: a study where there is a seed, the values of ``rivals`` where they are given, else the ends.

    ``weight`` is about how many rollouts it takes.
    """

    subject: Subject
    weight: int
    seed: int | None = None
    rivals: tuple[Configuration, ...] | None = None

    @property
    def what(self) -> str:
        """What it is called."""
        if self.rivals is not None:
            return f"{self.subject.name}, rivals of the best"
        return f"{self.subject.name}, " + ("the truth" if self.seed is None else f"seed {self.seed}")


_Values = tuple[Value, Value]
"""Of a configuration, on the whole suite and on the search tasks alone, by the same rollouts."""

_Result = Ends | StudyFigures | tuple[_Values, ...]


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
    ends = [_Piece(subject, course.rollouts_for_the_best) for subject in subjects]
    studies = [_Piece(subject, course.rollouts + ROLLOUTS_FOR_A_STUDY, seed) for subject in subjects for seed in seeds]
    whole = sum(piece.weight for piece in (*ends, *studies)) + len(subjects) * RIVALS * _ROLLOUTS_OF_A_RIVAL
    with _bench_of(course, jobs) as done:

        def told(pieces: Sequence[_Piece]) -> dict[str, _Result]:
            found = {}
            for piece, result in done(pieces):
                found[piece.what] = result
                advance(piece.what, piece.weight, whole)
            return found

        found = told([*ends, *studies])  # the long ones first, so that all processes end together
        organisms = [
            _organism(subject, [found[piece.what] for piece in (*ends, *studies) if piece.subject is subject])
            for subject in subjects
        ]
        contests = [
            _Piece(one, RIVALS * _ROLLOUTS_OF_A_RIVAL, rivals=_rivals(of)) for one, of in zip(subjects, organisms, strict=True)
        ]
        values = told(contests)
    organisms = [
        _contested(of, contest.rivals or (), values[contest.what]) for of, contest in zip(organisms, contests, strict=True)
    ]
    return _calibration(course.plan(subjects[0], seeds[0], installed()), course, tuple(organisms), seeds).model_copy(
        update={"wall_s": time.monotonic() - started_s, "cores": jobs}
    )


def _organism(subject: Subject, results: Sequence[_Result]) -> OrganismFigures:
    ends = next(result for result in results if isinstance(result, Ends))
    return OrganismFigures(
        name=subject.name,
        fingerprint=subject.traits.fingerprint,
        summary=subject.traits.summary,
        baseline=ends.baseline_value,
        best=ends.best_value,
        best_configuration=dict(ends.best.root),
        best_on_search=ends.best_on_search,
        truth_cpu_s=ends.cpu_s,
        studies=tuple(_same_truth(result, ends) for result in results if isinstance(result, StudyFigures)),
    )


def _same_truth(study: StudyFigures, ends: Ends) -> StudyFigures:
    """A study that recommends the baseline or the best has that very truth, and not another draw of it."""
    values = {ends.best: ends.best_value, ends.baseline: ends.baseline_value}
    value = values.get(Configuration(study.recommended), study.true_value)
    return study.model_copy(update={"true_value": value})


def _rivals(organism: OrganismFigures) -> tuple[Configuration, ...]:
    """What studies recommended that seems better than the best of the long search, the best first: that may have been too short."""
    better = {
        Configuration(one.recommended): one.true_value.mean for one in organism.studies if one.true_value.mean > organism.best.mean
    }
    return tuple(sorted(better, key=better.__getitem__, reverse=True)[:RIVALS])


def _contested(organism: OrganismFigures, rivals: Sequence[Configuration], values: _Result) -> OrganismFigures:
    """``organism`` with a rival as its best, if one did better with the luck that the best was measured by."""
    assert isinstance(values, tuple)
    best = max(zip(values, rivals, strict=True), key=lambda pair: pair[0][0].mean, default=None)
    if best is None or best[0][0].mean <= organism.best.mean:
        return organism
    (value, on_search), configuration = best
    studies = tuple(
        study.model_copy(update={"true_value": value}) if Configuration(study.recommended) == configuration else study
        for study in organism.studies
    )
    changed = {"best": value, "best_on_search": on_search, "best_configuration": dict(configuration.root), "studies": studies}
    return organism.model_copy(update=changed)


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

    def do(self, piece: _Piece) -> _Result:
        plan = self.course.plan(piece.subject, piece.seed or 0, self.registry)
        simulator, truths = self._of(piece.subject, plan)
        if piece.rivals is not None:
            return self._values(plan, simulator, piece.rivals)
        return self._ends(plan, simulator, truths) if piece.seed is None else judge_study(plan, simulator, self.registry, truths)

    def _values(self, plan: StudyPlan, simulator: Simulator, configurations: Sequence[Configuration]) -> tuple[_Values, ...]:
        """What ``configurations`` are worth, by the rollouts that the best of the long search was measured by."""
        with Simulations(simulator.traits, plan.chosen, self._rehearsals(plan), plan.spec.limits) as simulations:
            return tuple(_values(fresh_scores(simulations, one), plan) for one in configurations)

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
        (value, on_search), found = _values(best.scores, plan), best.configuration
        baseline = truths.value(plan.baseline, rollouts=ROLLOUTS_OF_ENDS)
        if baseline.mean > value.mean:  # the baseline is of the space too
            value, found = baseline, plan.baseline
            on_search = truths.value(found, Split.search, rollouts=ROLLOUTS_OF_ENDS)
        return Ends(plan.baseline, baseline, found, value, on_search, process_time() - started_s)


_bench: _Bench | None = None
"""Of a process that was started for a calibration."""


def _open(course: Course) -> None:
    global _bench  # noqa: PLW0603 - what a pool's process has no other place for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _bench = _Bench(course)


def _do(piece: _Piece) -> _Result:
    assert _bench is not None
    return _bench.do(piece)


def _values(scores: Sequence[Sequence[float]], plan: StudyPlan) -> _Values:
    on_search = [of_task for task, of_task in zip(plan.chosen, scores, strict=True) if plan.splits[task.id] is Split.search]
    return _value(Truth.of(scores), plan), _value(Truth.of(on_search), plan)


def _value(truth: Truth, plan: StudyPlan) -> Value:
    mean, error = truth.under(plan.spec.objective)
    return Value(mean=mean, error=error)


_Done = Callable[[Sequence[_Piece]], Iterator[tuple[_Piece, _Result]]]
"""Does pieces, and gives them with what came of them, as they are finished."""


@contextmanager
def _bench_of(course: Course, jobs: int) -> Iterator[_Done]:
    """Whoever does the pieces: this process for one job, else as many others. Raises ``UnhobbleError`` where one of them dies."""
    if jobs == 1:
        bench = _Bench(course)
        yield lambda pieces: ((piece, bench.do(piece)) for piece in pieces)
        return
    with _pool(course, jobs) as pool:

        def done(pieces: Sequence[_Piece]) -> Iterator[tuple[_Piece, _Result]]:
            futures = {pool.submit(_do, piece): piece for piece in pieces}
            for future in as_completed(futures):
                yield futures[future], future.result()

        try:
            yield done
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
