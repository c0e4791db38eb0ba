"""How far a study is, as a person wants to see it while it runs. Pure functions of what is stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.api.schemas import StudyOut
from service.commands.figures import count, dollars, duration, interval
from unhobble.records import Progress, Recommendation
from unhobble.tracks import PLAIN
from unhobble.vocabulary import CostUnit, Phase

if TYPE_CHECKING:
    from unhobble.analysis.report import Compared

WAITING = "waiting for a controller"
STARTING = "starting the workers"
"""What a queued study is said to do, elsewhere and in the process that is about to run it."""

_PHASES = {
    Phase.searching: "searching",
    Phase.confirming: "confirming on held-out tasks",
}
_LEAST_TO_ESTIMATE = 5
"""Finished rollouts below which a rate says nothing."""


@dataclass(frozen=True)
class Status:
    """A study in progress. ``doing`` is its phase in words; ``left_s`` is how long it may take yet at the rate so far, or None.

    ``ended`` says why the search ended; it is empty before.

    ``best`` is the headline's; ``others`` are the best of each other track, which are not to be compared with it.
    """

    name: str
    model: str
    simulated: bool
    phase: Phase
    doing: str
    ended: str
    finished: int
    planned: int
    best: str
    best_short: str
    others: tuple[str, ...]
    spend: str
    failures: str
    missing: int
    trouble: str
    left_s: float | None

    @property
    def left(self) -> str:
        """The time left in words. An estimate from above: a search may end before its budget does."""
        return "" if self.left_s is None or self.phase.is_final else f"at most about {duration(self.left_s)} left"

    def line(self) -> str:
        """Everything in one line, for a log."""
        model = f"SIMULATED {self.model}" if self.simulated else self.model
        missing = f"{self.missing} without a score" if self.missing else ""
        rollouts = f"{self.finished}/{self.planned} rollouts"
        failures = f"failures: {self.failures}" if self.failures else ""
        trouble = f"trouble: {self.trouble}" if self.trouble else ""
        best = f"best {self.best}"
        parts = [model, self.doing, self.ended, rollouts, missing, best, *self.others, self.spend, failures, self.left, trouble]
        return " | ".join(filter(None, parts))


def status_of(study: StudyOut, *, queued: str = WAITING, trouble: str = "") -> Status:
    """The status of ``study``; ``queued`` says what it waits for as long as it is queued, ``trouble`` what is in its way."""
    progress = Progress.model_validate(study.progress)
    phase = Phase(study.phase)
    budget = study.spec["budget"]
    best, best_short, others = _best(study)
    return Status(
        name=study.name,
        model=str(study.spec["model"]["id"]),
        simulated=study.simulated,
        phase=phase,
        doing=queued if phase is Phase.queued else _PHASES.get(phase, phase.value),
        ended=str(study.search_ended["words"]) if study.search_ended else "",
        finished=progress.rollouts_finished,
        planned=int(budget["rollouts"]),
        best=best,
        best_short=best_short,
        others=others,
        spend=_spend(progress),
        failures=_failures(study),
        missing=progress.rollouts_invalid,
        trouble=f"{progress.retries} rollouts repeated; the last: {trouble}" if trouble and not phase.is_final else "",
        left_s=_left_s(progress.rollouts_finished, int(budget["rollouts"]), study.active_s, budget["wall_time_s"]),
    )


def _best(study: StudyOut) -> tuple[str, str, tuple[str, ...]]:
    """The best figure of the headline with where it comes from, the same in short, and the best of each other track."""
    from unhobble.analysis.report import Findings

    found = Findings.model_validate(study.findings) if study.findings else None
    if found and found.confirmed:
        named = "" if found.confirmed.track == PLAIN else f", {found.confirmed.track.words}"
        figure, where = _confirmed(found.confirmed)
        others = tuple(f"apart, {other.track.words}: {' '.join(_confirmed(other))}" for other in found.confirmed.others)
        return f"{figure} {where}{named}", f"{figure} confirmed{named}", others
    if study.best_so_far is None:
        return "not known yet", "", ()
    named = "" if found is None or found.track == PLAIN else f", {found.track.words}"
    figure, where = _believed(Recommendation.model_validate(study.best_so_far))
    others = tuple(
        f"apart, {other.track.words}: {' '.join(_believed(other.best_so_far))}"
        for other in (found.others if found else ())
        if other.best_so_far
    )
    return f"{figure} {where}{named}", f"{figure} believed{named}", others


def _confirmed(compared: "Compared") -> tuple[str, str]:
    best = compared.best
    return f"{best.rate.mean:.2f} ({interval(best.rate)})", f"confirmed, held-out split, trial {best.trial}"


def _believed(best: Recommendation) -> tuple[str, str]:
    units = {CostUnit.usd: ", best per dollar", CostUnit.tokens: ", best per token"}
    per_cost = units[best.per_cost] if best.per_cost else ""
    return f"{best.mean:.2f} ({interval(best)})", f"believed, search split, trial {best.trial}{per_cost}"


def _spend(progress: Progress) -> str:
    spend = progress.spend
    if spend.model_calls == 0:
        return ""
    return f"{count(spend.usage.total)} tokens, {dollars(spend.cost_usd)}"


def _failures(study: StudyOut) -> str:
    by_class = study.findings["search_failures"]["by_class"] if study.findings else {}
    return ", ".join(f"{number} {name}" for name, number in by_class.items())


def _left_s(finished: int, planned: int, active_s: float, wall_time_s: float | None) -> float | None:
    by_wall = None if wall_time_s is None else max(0.0, wall_time_s - active_s)
    if finished < _LEAST_TO_ESTIMATE or active_s <= 0:
        return by_wall
    by_rate = max(0, planned - finished) * active_s / finished
    return by_rate if by_wall is None else min(by_rate, by_wall)
