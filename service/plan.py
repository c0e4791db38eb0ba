"""Checks a study at the door and resolves all that it names: bad input is found here, all at once, before anything is stored."""

import contextlib
import math
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.space import Space
from service.advantage import advantage_issues
from service.search.problem import Earlier, SearchProblem
from service.workers.room import Size
from unhobble.analysis.power import Variances, plan_confirmation
from unhobble.analysis.report import ConfirmationPlan
from unhobble.configuration import Configuration, check_configuration
from unhobble.errors import BadInput, Issue, NotFound
from unhobble.protocols import SearchStrategy, Task, TaskSuite
from unhobble.records import TaskInfo
from unhobble.registry import Registry
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import ModelSpec, StudySpec
from unhobble.tasks.splits import split_tasks
from unhobble.tracks import track_of
from unhobble.vocabulary import PluginKind, Split


@dataclass(frozen=True)
class StudyPlan:
    """A study with everything it names resolved."""

    spec: StudySpec
    suite: TaskSuite
    space: Space
    baseline: Configuration
    splits: dict[str, Split]
    search_rollouts: int
    confirmation: ConfirmationPlan

    @property
    def confirm_rollouts(self) -> int:
        """Rollouts that are kept for the held-out split."""
        return self.spec.budget.rollouts - self.search_rollouts

    @property
    def search_share(self) -> float:
        """The share of every ceiling of the budget that the search may use; the rest is the confirmation's."""
        return self.search_rollouts / self.spec.budget.rollouts

    def confirmation_after(self, *, left: int, attempts: int, arms: int, seen: Variances | None) -> ConfirmationPlan:
        """The confirmation planned anew when the search is over and has left so many rollouts.

        What the search did not use is used only as far as the declared effect takes it. ``arms``, ``attempts`` and ``seen`` are as
        in ``analysis.power.plan_confirmation``.
        """
        kept = min(left, self.confirm_rollouts)
        fixed = self.spec.search.confirm_fraction is not None
        played = kept if fixed else min(kept, self.confirmation.tasks * self.confirmation.arms * self.confirmation.epochs)
        return _planned(
            self.spec,
            tasks=len(self.tasks(Split.held_out)),
            arms=arms,
            attempts=attempts,
            most=min(left, max(kept, self.spec.budget.rollouts // 2)),
            otherwise=played,
            seen=seen,
        )

    def tasks(self, split: Split) -> tuple[TaskInfo, ...]:
        """The tasks of a split, by id."""
        return _of_split(self.chosen, self.splits, split)

    @property
    def chosen(self) -> tuple[Task, ...]:
        """The tasks of both splits."""
        return tuple(task for task in self.suite.tasks if task.id in self.splits)

    def sandbox_for(self, task_id: str, sandbox: SandboxSpec) -> SandboxSpec:
        """The sandbox of one of the tasks: what it needs on top of what every task gets."""
        return next(sandbox.for_task(task.needs) for task in self.chosen if task.id == task_id)

    def problem(self, registry: Registry, earlier: tuple[Earlier, ...] = ()) -> SearchProblem:
        """What the study's search works on, which may know of ``earlier`` ones."""
        return SearchProblem(
            space=self.space,
            tasks=self.tasks(Split.search),
            baseline=self.baseline,
            seed=self.spec.search.seed,
            rollouts=self.search_rollouts,
            track_of=lambda configuration: track_of(configuration, registry),
            earlier=earlier,
        )

    def strategy(self, registry: Registry, earlier: tuple[Earlier, ...] = ()) -> SearchStrategy:
        """A fresh strategy for the study's search, which knows ``earlier``. Raises ``BadInput`` where its options do not fit."""
        search, problem = self.spec.search, self.problem(registry, earlier)
        strategy: SearchStrategy = registry.build(PluginKind.strategy, search.strategy, search.options, problem)
        return strategy


def plan_study(spec: StudySpec, registry: Registry) -> StudyPlan:
    """Resolve ``spec``. Raises ``BadInput`` with every issue found; opens and spends nothing."""
    issues: list[Issue] = []
    issues += _model_issues(spec)
    suite, tasks = _tasks(spec, registry, issues)
    issues += _sandbox_issues(spec.sandbox, tasks)
    space, baseline = _space(spec, registry, issues)
    if space and baseline and not check_configuration(baseline, registry):  # one that is wrong has no advantage to look at
        issues += advantage_issues(spec, space, baseline, tasks)
    splits = split_tasks(tasks, spec.suite.held_out_fraction)
    if tasks:
        issues += _budget_issues(spec, splits)
    if suite and space and baseline and len(tasks) > 1:
        confirmation = _confirmation(spec, splits, space, 1 + spec.search.finalists + _other_tracks(space, baseline, registry))
        kept = confirmation.rollouts if spec.search.confirm_fraction is None else _by_fraction(spec, spec.search.confirm_fraction)
        plan = StudyPlan(spec, suite, space, baseline, splits, spec.budget.rollouts - kept, confirmation)
        try:
            issues += _forecast_issues(spec, plan.strategy(registry))
        except NotFound as error:
            issues.append(Issue("search.strategy", str(error)))
        except BadInput as error:
            issues += [Issue("search.options", str(issue)) for issue in error.issues]
        if not issues:
            return plan
    raise BadInput(issues)


def problem_of(spec: StudySpec, registry: Registry) -> SearchProblem:
    """What the search of a stored study works on, however its model and its sandbox could be had today.

    Raises ``BadInput`` where its suite or its space cannot be resolved any more.
    """
    issues: list[Issue] = []
    _, tasks = _tasks(spec, registry, issues)
    space, baseline = _space(spec, registry, issues)
    if issues or space is None or baseline is None:
        raise BadInput(issues)
    return SearchProblem(
        space=space,
        tasks=_of_split(tasks, split_tasks(tasks, spec.suite.held_out_fraction), Split.search),
        baseline=baseline,
        seed=spec.search.seed,
        rollouts=spec.budget.rollouts,
        track_of=lambda configuration: track_of(configuration, registry),
    )


def _of_split(tasks: Sequence[Task], splits: Mapping[str, Split], split: Split) -> tuple[TaskInfo, ...]:
    chosen = [task for task in tasks if splits[task.id] is split]
    return tuple(TaskInfo(id=t.id, family=t.family, human_minutes=t.human_minutes) for t in chosen)


def _model_issues(spec: StudySpec) -> list[Issue]:
    variants = {f"model.variants.{name}": variant for name, variant in spec.model.variants.items()}
    return [issue for at, model in {"model": spec.model, **variants}.items() for issue in _issues_of_model(model, at)]


def _issues_of_model(model: ModelSpec, at: str) -> list[Issue]:
    if model.is_organism:
        from unhobble.models import connect

        try:
            connect(model)
        except BadInput as error:
            return [Issue(issue.path.replace("model", at, 1), issue.message) for issue in error.issues]
        return []
    name = model.api_key_env
    if name is not None and not os.environ.get(name):
        return [
            Issue(
                f"{at}.api_key_env",
                f"the environment variable {name} is not set where the service runs; set it, then submit again",
            )
        ]
    if name is None and model.api_base is None:
        return [Issue(f"{at}.api_key_env", "is missing; name the environment variable that holds the provider's key")]
    return []


def _tasks(spec: StudySpec, registry: Registry, issues: list[Issue]) -> tuple[TaskSuite | None, Sequence[Task]]:
    try:
        suite: TaskSuite = registry.build(PluginKind.suite, spec.suite.id)
    except NotFound as error:
        issues.append(Issue("suite.id", str(error)))
        return None, []
    known = {task.id: task for task in suite.tasks}
    wanted = spec.suite.tasks if spec.suite.tasks is not None else tuple(known)
    if unknown := sorted(set(wanted) - known.keys()):
        issues.append(Issue("suite.tasks", f"{spec.suite.id} has no task {', '.join(unknown)}; it has {', '.join(known)}"))
    tasks = [known[task] for task in dict.fromkeys(wanted) if task in known]
    if len(tasks) < 2 and not unknown:
        issues.append(
            Issue("suite.tasks", f"{len(tasks)} task(s) chosen; a study needs at least 2, one to search on and one held out")
        )
    return suite, tasks


def _space(spec: StudySpec, registry: Registry, issues: list[Issue]) -> tuple[Space | None, Configuration | None]:
    try:
        space = Space.load(spec.space, registry)
    except BadInput as error:
        issues += error.issues
        space = None
    if spec.baseline is not None:
        issues += check_configuration(spec.baseline, registry, at="baseline")
    return space, spec.baseline or (space.baseline if space else None)


def room_issues(sandbox: SandboxSpec, tasks: Sequence[Task], room: Size) -> list[Issue]:
    """What can never be run where no worker node has more than ``room``. The tasks' own needs are looked at if the study's fit."""
    asked = {"every task": sandbox}
    if Size(*sandbox.request).fits(room):
        asked = {f"the task {task}": spec for task, spec in task_sandboxes(sandbox, tasks).items()}
    issues = []
    for who, spec in asked.items():
        size = Size(*spec.request)
        if not size.fits(room):
            field = "requested_cpus" if size.cores > room.cores else "requested_memory_bytes"
            said = f"{size} are to be set aside for {who}, and the machine has {room}; set it lower, or use a larger machine"
            issues.append(Issue(f"sandbox.{field}", said))
    return issues


def task_sandboxes(sandbox: SandboxSpec, tasks: Sequence[Task]) -> dict[str, SandboxSpec]:
    """The sandbox of each task, by its id. Raises ``BadInput`` with every task that needs what ``sandbox`` does not give."""
    found: dict[str, SandboxSpec] = {}
    issues = []
    for task in tasks:
        try:
            found[task.id] = sandbox.for_task(task.needs)
        except ValueError as error:
            issues.append(Issue("sandbox.network", f"the task {task.id} {error}"))
    if issues:
        raise BadInput(issues)
    return found


def _sandbox_issues(sandbox: SandboxSpec, tasks: Sequence[Task]) -> list[Issue]:
    issues = []
    if sandbox.hosts and sandbox.network == "none":
        said = f"{', '.join(sandbox.hosts)} cannot be reached while network is none; set that to allowlist, or leave the hosts out"
        issues.append(Issue("sandbox.hosts", said))
    try:
        task_sandboxes(sandbox, tasks)
    except BadInput as error:
        issues += error.issues
    return issues


def _budget_issues(spec: StudySpec, splits: dict[str, Split]) -> list[Issue]:
    issues = []
    search, held_out = (list(splits.values()).count(split) for split in Split)
    fraction = spec.search.confirm_fraction
    if fraction is None:
        least = search + 2 * held_out
    else:
        least = max(math.ceil(search / (1 - fraction)), math.ceil(2 * held_out / fraction))
    if spec.budget.rollouts < least:
        message = (
            f"{spec.budget.rollouts} rollouts are too few for {search} search and "
            f"{held_out} held-out tasks; the baseline needs every search task once, and baseline and best "
            f"every held-out task once: {least} rollouts at least, or fewer tasks"
        )
        issues.append(Issue("budget.rollouts", message))
    if spec.budget.usd is not None and spec.limits.usd is None:
        issues.append(
            Issue("limits.usd", "is missing; a budget in dollars needs it, because a rollout reserves this much before it starts")
        )
    if spec.budget.usd is not None and spec.limits.usd is not None and spec.limits.usd > spec.budget.usd:
        issues.append(Issue("limits.usd", f"{spec.limits.usd:g} for one rollout is more than budget.usd, {spec.budget.usd:g}"))
    if spec.budget.tokens is not None and spec.limits.tokens > spec.budget.tokens:
        issues.append(
            Issue("limits.tokens", f"{spec.limits.tokens} for one rollout is more than budget.tokens, {spec.budget.tokens}")
        )
    return issues


def _forecast_issues(spec: StudySpec, strategy: SearchStrategy) -> list[Issue]:
    """What is asked of a strategy that has no model of the space."""
    if strategy.forecasts:
        return []
    issues, knows = [], f"the strategy {spec.search.strategy} knows only what it tried"
    if spec.search.stop is not None:
        said = f"{knows} and forecasts nothing, so no rule can be looked at; leave stop out, or choose a strategy that forecasts"
        issues.append(Issue("search.stop", said))
    if spec.search.warm_start:
        said = f"{knows} and learns nothing from other studies; leave warm_start out, or choose a strategy that forecasts"
        issues.append(Issue("search.warm_start", said))
    return issues


# --- the confirmation -----------------------------------------------------------------------------------------------------
_USUAL_SHARE = 0.3
"""Share of the rollouts that is kept where no half of them would be enough for the declared effect."""
_MOST_SHARE = 0.5
"""Share that the confirmation gets at most: a well-measured configuration that was hardly searched for helps nobody."""
_DEARER, _DEARER_SCAFFOLD = 2, 3
"""How much dearer the best is taken to be than the baseline before anything is known of either: where scaffolds vary, more."""
_DRAWS = 64


def _by_fraction(spec: StudySpec, fraction: float) -> int:
    return math.ceil(spec.budget.rollouts * fraction)


def _confirmation(spec: StudySpec, splits: dict[str, Split], space: Space, arms: int) -> ConfirmationPlan:
    """What can be planned before anything is known, but for the number of arms."""
    search, tasks = (list(splits.values()).count(split) for split in Split)
    left = max(2 * tasks, spec.budget.rollouts - search)
    usual = min(left, max(2 * tasks, _by_fraction(spec, spec.search.confirm_fraction or _USUAL_SHARE)))
    most = min(left, _by_fraction(spec, _MOST_SHARE))
    varied = any(dimension.path == "scaffold" and dimension.count != 1 for dimension in space.dimensions)
    attempts = _DEARER_SCAFFOLD if varied else _DEARER
    return _planned(spec, tasks=tasks, arms=arms, attempts=attempts, most=most, otherwise=usual, seen=None)


def _planned(
    spec: StudySpec, *, tasks: int, arms: int, attempts: int, most: int, otherwise: int, seen: Variances | None
) -> ConfirmationPlan:
    return plan_confirmation(
        effect=spec.search.confirm.effect,
        power=spec.search.confirm.power,
        tasks=tasks,
        arms=arms,
        attempts=attempts,
        most=most,
        otherwise=otherwise,
        seen=seen,
        fixed=spec.search.confirm_fraction is not None,
    )


def _other_tracks(space: Space, baseline: Configuration, registry: Registry) -> int:
    """How many tracks beside the baseline's the space seems to have: each gets a finalist. From draws, as there is no list of them.

    What cannot be built is found by other checks.
    """
    rng = random.Random(0)
    with contextlib.suppress(NotFound, BadInput):
        return len({track_of(space.sample(rng), registry) for _ in range(_DRAWS)} - {track_of(baseline, registry)})
    return 0
