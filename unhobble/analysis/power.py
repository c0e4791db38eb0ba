"""How many held-out rollouts it takes to tell a gain from none. Pure functions.

The difference of two configurations, paired by task, with ``tasks`` tasks and K epochs of each, has the variance
(w + (a + b) / K) / tasks, where w is the variance between tasks of the difference of their true success rates, and a and b are
the mean variances of each one's score within a task (Miller 2024, "Adding error bars to evals", arXiv 2411.00640, section 5). There
the number of tasks is solved for; here it is given, and the epochs are. More epochs lower the second part alone, so with few tasks
no number of them may do. In place of normal quantiles stand those of Student's t and its noncentral form, because the findings'
intervals are t intervals on (tasks - 1) degrees of freedom.
"""

import math
from collections.abc import Sequence
from functools import cache

from pydantic import Field

from unhobble.analysis.capability import Scores
from unhobble.analysis.report import LEVEL, ConfirmationPlan
from unhobble.messages import Frozen

_NORMAL_FROM = 400
"""Tasks from which on the normal distribution stands for both t distributions; it differs by less than a hundredth there."""
_MOST_TASKS = 100_000
_PRIOR_TASKS = 8
"""How many tasks of evidence the variances of ``UNKNOWN`` count for, beside those that the search saw."""


class Variances(Frozen):
    """What the scores of two configurations vary by: their difference between tasks, and both together within a task."""

    between: float = Field(description="Of the difference of the true success rates, between tasks.")
    within: float = Field(description="Of one attempt's score at a task: the sum of both configurations'.")


UNKNOWN = Variances(between=1 / 9, within=1 / 3)
"""Where nothing is known: every task's chance of success is anything from 0 to 1 alike, so that a score has the largest variance
that a Bernoulli variable can have, 1/4, of which 1/12 is between and 1/6 within tasks; and the chances under two configurations
have a correlation of a third, which is low for the same tasks."""


def epochs_needed(effect: float, variances: Variances, *, tasks: int, power: float, compared: int) -> int | None:
    """The epochs by which a gain of ``effect`` is told; None where no number of them is enough."""
    room = tasks * (effect / _standard_errors(tasks, power, compared)) ** 2 - variances.between
    return max(1, math.ceil(variances.within / room)) if room > 0 else None


def detectable(variances: Variances, *, tasks: int, epochs: int, power: float, compared: int) -> float:
    """The smallest gain that is told with ``power``; infinite with fewer than two tasks."""
    error = math.sqrt((variances.between + variances.within / epochs) / tasks)
    return _standard_errors(tasks, power, compared) * error


def tasks_needed(effect: float, variances: Variances, *, epochs: int, power: float, compared: int) -> int:
    """The tasks with which ``epochs`` of each are enough; at most 100,000."""
    low, high = 1, 2
    while high < _MOST_TASKS and detectable(variances, tasks=high, epochs=epochs, power=power, compared=compared) > effect:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable(variances, tasks=middle, epochs=epochs, power=power, compared=compared) <= effect
        low, high = (low, middle) if enough else (middle, high)
    return min(high, _MOST_TASKS)


def variances_seen(best: Scores, baseline: Scores) -> Variances:
    """What rollouts on the search split say of the variances, drawn towards ``UNKNOWN`` as far as they are few.

    Repeats of a task show what is within; the rest of the spread of the tasks' differences is between. As ``UNKNOWN``'s scale
    serves the variance that a Bernoulli variable of the observed means would have.
    """
    scale = (_bernoulli(best) + _bernoulli(baseline)) / 2 / 0.25
    within = _within(best) + _within(baseline)
    shared = [task for task in best if best[task] and baseline.get(task)]
    if len(shared) < 2:
        return Variances(between=UNKNOWN.between * scale, within=within)
    differences = [_mean(best[task]) - _mean(baseline[task]) for task in shared]
    centre = _mean(differences)
    spread = sum((d - centre) ** 2 for d in differences) / (len(shared) - 1)
    noise = sum(
        _within(scores) * _mean([1 / len(scores[task]) for task in shared]) for scores in (best, baseline)
    )  # what the spread would be if no task differed from another
    seen, weight = max(0.0, spread - noise), len(shared) - 1
    between = (weight * seen + _PRIOR_TASKS * UNKNOWN.between * scale) / (weight + _PRIOR_TASKS)
    return Variances(between=between, within=within)


def plan_confirmation(
    *,
    effect: float,
    power: float,
    tasks: int,
    arms: int,
    attempts: int,
    most: int,
    otherwise: int,
    seen: Variances | None = None,
    fixed: bool = False,
) -> ConfirmationPlan:
    """As many epochs as it takes, if that is at most ``most`` rollouts; else what ``otherwise`` rollouts can do.

    ``arms`` are the baseline and the finalists; the last finalists go where one epoch of all has no room. ``attempts`` is how often
    the baseline has to try a task to be set against one attempt of the best; what it has fewer epochs comes on top, within
    ``most``. ``seen`` are variances that were observed. A ``fixed`` plan uses ``otherwise`` whatever it takes.
    """
    variances = seen or UNKNOWN
    arms = max(2, min(arms, otherwise // tasks))
    compared = arms - 1
    needed = epochs_needed(effect, variances, tasks=tasks, power=power, compared=compared)
    fits = needed is not None and tasks * arms * needed <= most and not fixed
    epochs = needed if needed is not None and fits else max(1, otherwise // (tasks * arms))
    further = max(0, min(attempts - epochs, most // tasks - arms * epochs))
    told = detectable(variances, tasks=tasks, epochs=epochs, power=power, compared=compared)
    return ConfirmationPlan(
        effect=effect,
        power=power,
        level=LEVEL,
        tasks=tasks,
        arms=arms,
        epochs=epochs,
        rollouts=tasks * (arms * epochs + further),
        detectable=told if math.isfinite(told) else None,
        epochs_needed=needed,
        tasks_needed=tasks_needed(effect, variances, epochs=epochs, power=power, compared=compared),
        from_search=seen is not None,
    )


@cache
def _standard_errors(tasks: int, power: float, compared: int) -> float:
    """How many standard errors a gain has to be, so that its interval is above 0 with probability ``power``."""
    if tasks < 2:
        return math.inf
    from scipy import optimize, stats  # costs a second, which who only reads findings need not pay

    tail = (1 - LEVEL ** (1 / compared)) / 2
    if tasks >= _NORMAL_FROM:
        return float(stats.norm.ppf(1 - tail) + stats.norm.ppf(power))
    limit, freedom = stats.t.ppf(1 - tail, tasks - 1), tasks - 1
    return float(optimize.brentq(lambda errors: stats.nct.sf(limit, freedom, errors) - power, 0.0, 4 * limit + 10))


def _within(scores: Scores) -> float:
    """The variance of one attempt within a task, pooled over tasks."""
    usual = _bernoulli(scores) * 2 / 3  # the share that it has in UNKNOWN
    squares = sum(sum((s - _mean(of_task)) ** 2 for s in of_task) for of_task in scores.values() if of_task)
    freedom = sum(len(of_task) - 1 for of_task in scores.values() if of_task)
    return (squares + _PRIOR_TASKS * usual) / (freedom + _PRIOR_TASKS)


def _bernoulli(scores: Scores) -> float:
    every = [score for of_task in scores.values() for score in of_task]
    rate = (sum(every) + 1) / (len(every) + 2)  # never 0 or 1, however few were lucky
    return rate * (1 - rate)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
