"""What is kept and passed on about studies, trials and rollouts: the domain's shapes, neither wire nor rows."""

from typing import Any, Generic, TypeVar

from pydantic import Field

from unhobble.configuration import Configuration
from unhobble.messages import Frozen
from unhobble.results import FailureLabel, Identity, Spend
from unhobble.spec import StudySpec
from unhobble.tracks import Track
from unhobble.vocabulary import CostUnit, FailureClass, Phase, RolloutState, SearchEnd, Split, TrialState

T = TypeVar("T")


class Page(Frozen, Generic[T]):
    """Some items of a list, and the cursor of the next page (None at the end)."""

    items: tuple[T, ...]
    next_cursor: str | None = None


# --- at the search seam -------------------------------------------------------------------------------------------------
class TaskInfo(Frozen):
    """What a strategy may know of a task."""

    id: str
    family: str
    human_minutes: float


class RolloutRequest(Frozen):
    """A rollout that a strategy wants: configuration × task × epoch, as part of a trial."""

    trial: int
    configuration: Configuration
    task: str
    epoch: int


class Outcome(Frozen):
    """What a strategy learns of a finished rollout. ``score`` is None where it does not count."""

    trial: int
    configuration: Configuration
    task: str
    epoch: int
    score: float | None
    cost_usd: float | None = None
    tokens: int | None = Field(None, description="In and out; None where it is not known.")


class RestsOn(Frozen):
    """An earlier study that a search was warm-started from."""

    study: str
    weight: float = Field(
        description="What it was learned to be worth: the correlation of configurations' effects there with those here, 0 to 1."
    )
    rollouts: int = Field(description="Its rollouts that were used.")

    @property
    def words(self) -> str:
        """For people."""
        return f"study {self.study} ({self.rollouts} rollouts, weight {self.weight:.2f})"


class Recommendation(Frozen):
    """A configuration that a strategy believes in, with what it believes of its success rate on the search split."""

    trial: int
    configuration: Configuration
    mean: float = Field(description="Posterior mean of the success rate, shrunk towards the others'; not the observed mean.")
    low: float = Field(description="Lower end of the 90 % credible interval.")
    high: float = Field(description="Upper end of the 90 % credible interval.")
    probability_best: float = Field(description="Probability of being the best of the configurations tried.")
    rollouts: int = Field(description="Scored rollouts it rests on.")
    per_cost: CostUnit | None = Field(
        None, description="What it is the best of is success divided by this cost of a rollout; None: it is success alone."
    )
    rests_on: tuple[RestsOn, ...] = Field((), description="Earlier studies that the search was warm-started from.")


class FrontPoint(Frozen):
    """A configuration that was tried and that no other one beats in both success and cost."""

    trial: int
    mean: float = Field(description="Posterior mean of the success rate on the search split.")
    low: float = Field(description="Lower end of its 90 % credible interval.")
    high: float = Field(description="Upper end of its 90 % credible interval.")
    cost: float = Field(description="What a rollout costs on the average over the search tasks: the posterior's median.")
    cost_low: float = Field(description="Lower end of its 90 % credible interval.")
    cost_high: float = Field(description="Upper end of its 90 % credible interval.")
    unit: CostUnit


class Effect(Frozen):
    """How much of what varies between configurations of the space one dimension, or a pair of them, accounts for."""

    dimensions: tuple[str, ...] = Field(description="The path, or the two of a pair beyond what each does alone.")
    share: float = Field(description="Share of the variance of the success rate's logit over the space; all of them sum to 1.")
    low: float = Field(description="Lower end of the 90 % credible interval.")
    high: float = Field(description="Upper end of the 90 % credible interval.")


class Outlook(Frozen):
    """What a strategy believes of the whole space, not only of what was tried. Success rates are means over the search tasks."""

    maximum: float = Field(description="Posterior mean of the best success rate that any configuration of the space has.")
    maximum_low: float = Field(description="Lower end of its 90 % credible interval.")
    maximum_high: float = Field(description="Upper end of its 90 % credible interval.")
    upper_limit: float = Field(description="95 % of the widened draws of the maximum lie below it.")
    shortfalls: tuple[float, ...] = Field(
        description="Draws from the posterior of the maximum less the success rate of what is recommended; sorted, never below 0."
    )
    gains: tuple[tuple[float, float], ...] = Field(
        description="For shares of the search's budget that are added to it (0.1, 1, 3, 9): what is expected to be gained by it."
    )
    effects: tuple[Effect, ...] = Field((), description="Dimensions and pairs, the largest share first.")
    front: tuple[FrontPoint, ...] = Field(
        (), description="What was tried and is not beaten in both success and cost, the cheapest first; empty without known costs."
    )

    def probability_beaten(self, by: float) -> float:
        """Probability that some configuration of the space beats the recommended one by more than ``by``."""
        return sum(shortfall > by for shortfall in self.shortfalls) / len(self.shortfalls)


class Prediction(Frozen):
    """What is believed of one configuration, tried or not: its success rate, a mean over the search tasks."""

    configuration: Configuration
    track: Track
    mean: float
    low: float = Field(description="Lower end of the 90 % credible interval.")
    high: float = Field(description="Upper end of the 90 % credible interval.")
    trial: int | None = Field(description="Its trial; None where it was not tried.")
    rollouts: int = Field(description="Its scored rollouts of the search.")
    better_than: int | None = Field(description="The trial that is recommended in its track; None where none of it has a score.")
    probability_better: float | None = Field(description="Probability that it beats that one.")

    @property
    def tried(self) -> bool:
        """Whether it has a trial."""
        return self.trial is not None


# --- at the store seam --------------------------------------------------------------------------------------------------
class Lease(Frozen):
    """The right to write to a study. ``epoch`` grows with each owner and fences off the owners before."""

    study: str
    owner: str
    epoch: int


class Progress(Frozen):
    """How far a study is and what it has used."""

    rollouts_reserved: int = 0
    rollouts_finished: int = Field(0, description="Rollouts that were scored; these are what budget.rollouts counts.")
    rollouts_invalid: int = Field(0, description="Rollouts that ended without a score.")
    retries: int = 0
    spend: Spend = Field(Spend(), description="Of all attempts, the repeated and the invalid ones too.")


class SearchEnded(Frozen):
    """Why a search ended, at which point, and for a rule of ``search.stop`` the figure that met it."""

    why: SearchEnd
    rollouts: int = Field(description="Scored rollouts of the search.")
    planned: int = Field(description="Those that it could have had.")
    figure: float | None = Field(None, description="The probability of being beaten, or the expected gain, as it was forecast.")
    limit: float | None = Field(None, description="What the figure is under.")
    by: float | None = Field(None, description="For beaten_by: the difference that the probability is of.")

    @property
    def words(self) -> str:
        """For people. A rule that was met proves nothing, and the words say so."""
        after = f"the search ended after {self.rollouts} of its {self.planned} rollouts"
        match self.why:
            case SearchEnd.rollouts:
                return f"the search had all of its {self.planned} rollouts"
            case SearchEnd.time:
                return f"{after}: its share of budget.wall_time_s was used up"
            case SearchEnd.tokens | SearchEnd.usd:
                return f"{after}: its share of budget.{self.why} was used up"
            case SearchEnd.nothing_to_try:
                return f"{after}: the strategy had nothing more to try"
            case SearchEnd.beaten_by:
                return (
                    f"{after}, by its rule: the probability that some configuration of the space beats the recommended one by "
                    f"more than {self.by:g} was forecast as {self.figure:.3f}, under {self.limit:g}; a forecast, and no proof "
                    "that it is the best"
                )
            case SearchEnd.gain_below:
                return (
                    f"{after}, by its rule: a tenth more of it was forecast to gain {self.figure:.4f}, under {self.limit:g}; a "
                    "forecast, and no proof that nothing better is there"
                )


class StudyRecord(Frozen):
    """One study as it stands. ``version`` grows with each change."""

    id: str
    spec: StudySpec
    phase: Phase
    reason: str
    version: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    active_s: float = Field(description="Seconds in which the study had an owner, up to its last renewal.")
    progress: Progress
    search_ended: SearchEnded | None = Field(None, description="None as long as it searches, or where the study ended before.")
    report: dict[str, Any] | None = Field(description="The findings so far; see unhobble.analysis.report.")


class TrialRecord(Frozen):
    """One candidate under evaluation, with what was observed (not: believed) so far."""

    number: int
    configuration: Configuration
    candidate: str = Field(description="Digest of the configuration with the words and code it was evaluated with.")
    state: TrialState
    scored: int = Field(description="Rollouts on the search split that were scored.")
    mean_score: float | None = Field(description="Their mean; None where there are none.")


class NewRollout(Frozen):
    """What the store needs to reserve a rollout."""

    id: str
    request: RolloutRequest
    candidate: str = Field(description="Digest of the candidate that the configuration is; see unhobble.candidates.")
    split: Split
    reserve_tokens: int
    reserve_usd: float | None


class RolloutRecord(Frozen):
    """One rollout as it stands, without its transcript."""

    id: str
    study: str
    trial: int
    configuration: Configuration
    task: str
    split: Split
    epoch: int
    state: RolloutState
    finished_order: int | None = Field(description="Place in the order of commits, from 1; None while it is under way.")
    score: float | None = None
    label: FailureLabel | None = None
    submission: str | None = None
    identity: Identity | None = None
    spend: Spend | None = None
    sandbox: str | None = None
    error: str | None = None
    retries: int = 0
    finished_at: float | None = None


class RolloutFilter(Frozen):
    """Which rollouts to list; all fields given must hold."""

    trial: int | None = None
    task: str | None = None
    split: Split | None = None
    state: RolloutState | None = None
    failure_class: FailureClass | None = None


class Event(Frozen):
    """Something that happened to a study, numbered from 1 without gaps."""

    number: int
    at: float
    kind: str
    data: dict[str, Any]
