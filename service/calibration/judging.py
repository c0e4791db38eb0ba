"""One study, held against the truth."""

from collections import defaultdict
from time import process_time

from service.calibration.figures import Bounds, Reported, StudyFigures
from service.calibration.labels import judge_labels
from service.calibration.played import PlayedStudy, play_study
from service.calibration.truths import Truths
from service.plan import StudyPlan
from unhobble.analysis.report import Confirmed, SpaceOutlook
from unhobble.configuration import Configuration
from unhobble.models.organism.truth import Simulator
from unhobble.registry import Registry
from unhobble.results import Spend
from unhobble.vocabulary import Split


def judge_study(plan: StudyPlan, simulator: Simulator, registry: Registry, truths: Truths) -> StudyFigures:
    """Play the study of ``plan``, then look at what the truth is of what it says."""
    started_s = process_time()
    study = play_study(plan, simulator, registry)
    cpu_s = process_time() - started_s
    best = study.confirmed.best
    observed, search_best = search_best_of(study)
    spend = sum((rollout.spend for rollout in study.rollouts if rollout.spend), Spend())
    return StudyFigures(
        seed=plan.spec.search.seed,
        recommended=dict(best.configuration.root),
        trial=best.trial,
        reported=Reported(mean=best.rate.mean, low=best.rate.low, high=best.rate.high),
        bounds=bounds_of(study.confirmed, study.outlook),
        gain_is_clear=study.confirmed.gain_is_clear,
        true_value=truths.value(best.configuration),
        true_held_out=truths.value(best.configuration, Split.held_out),
        search_best=observed,
        search_best_true=truths.value(search_best, Split.search),
        labels=judge_labels(study, simulator),
        configurations=len({rollout.trial for rollout in study.rollouts}),
        rollouts=len(study.rollouts),
        tokens=spend.usage.total,
        usd=spend.cost_usd,
        cpu_s=cpu_s,
    )


def bounds_of(confirmed: Confirmed, outlook: SpaceOutlook | None) -> Bounds:
    """What the findings claim of the best that the space has.

    The lower bound is the lower end of the interval of what was elicited, of success on any tasks. The upper one is the upper
    limit of the outlook, of success on the search tasks.
    """
    return Bounds(lower=confirmed.best.rate.low, upper=outlook.upper_limit if outlook else None)


def search_best_of(study: PlayedStudy) -> tuple[float, Configuration]:
    """The highest observed mean of the search, and its configuration: what who knows of no luck would quote.

    Only trials that played every search task count, because the mean of an easy few is no mean of the split; the oldest of equals.
    The baseline always plays all of them.
    """
    count = study.plan.spec.objective.contribution
    scores: dict[Configuration, list[float]] = defaultdict(list)
    tasks: dict[Configuration, set[str]] = defaultdict(set)
    for rollout in study.rollouts:
        if rollout.split is Split.search and rollout.score is not None:
            scores[rollout.configuration].append(count(rollout.score))
            tasks[rollout.configuration].add(rollout.task)
    everything = len(study.plan.tasks(Split.search))
    full = {configuration: sum(s) / len(s) for configuration, s in scores.items() if len(tasks[configuration]) == everything}
    best = max(full, key=full.__getitem__)
    return full[best], best
