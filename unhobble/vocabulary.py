"""The words of the field, as closed sets. The values are what stands in the API, the database and the documents."""

from enum import StrEnum


class Split(StrEnum):
    """Which part of a suite a task belongs to. The search never sees ``held_out``."""

    search = "search"
    held_out = "held_out"


class Objective(StrEnum):
    """What the search maximises: the share of rollouts with the full score, or the mean score."""

    success_rate = "success_rate"
    score = "score"

    def contribution(self, score: float) -> float:
        """What a rollout with this score in [0, 1] contributes."""
        return float(score == 1.0) if self is Objective.success_rate else score


class Phase(StrEnum):
    """Where a study stands. ``PHASE_TRANSITIONS`` says what may follow what."""

    queued = "queued"
    searching = "searching"
    confirming = "confirming"
    paused = "paused"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return not PHASE_TRANSITIONS[self]


_ACTIVE = frozenset({Phase.paused, Phase.failed, Phase.cancelled})
PHASE_TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.queued: _ACTIVE | {Phase.searching},
    Phase.searching: _ACTIVE | {Phase.confirming},
    Phase.confirming: _ACTIVE | {Phase.completed},
    Phase.paused: frozenset({Phase.queued, Phase.failed, Phase.cancelled}),
    Phase.completed: frozenset(),
    Phase.failed: frozenset(),
    Phase.cancelled: frozenset(),
}


class SearchEnd(StrEnum):
    """Why a search ended."""

    rollouts = "rollouts"
    time = "time"
    tokens = "tokens"
    usd = "usd"
    nothing_to_try = "nothing_to_try"
    beaten_by = "beaten_by"
    gain_below = "gain_below"


class CostUnit(StrEnum):
    """What a cost is counted in: dollars, or where prices are not known, tokens in and out."""

    usd = "usd"
    tokens = "tokens"


class TrialState(StrEnum):
    """Where a candidate stands in the search. ``retired``: its words or code are not those of today, so it counts no more."""

    running = "running"
    pruned = "pruned"
    complete = "complete"
    retired = "retired"


class RolloutState(StrEnum):
    """``reserved``: paid for from the budget and under way. ``finished``: its result is committed, once."""

    reserved = "reserved"
    finished = "finished"


class OracleAccess(StrEnum):
    """What a scaffold may learn of the hidden score. Configurations of different access are never ranked together."""

    none = "none"
    visible_score = "visible_score"
    true_scorer = "true_scorer"


class FailureClass(StrEnum):
    """The kinds of reason why a rollout did not score; what each does is in ``FailureCode``."""

    invalid = "invalid"
    void = "void"
    spurious = "spurious"
    tradeoff = "tradeoff"
    real = "real"
    unknown = "unknown"


class FailureCode(StrEnum):
    """Why a rollout did not score, in the order in which the labels are tried; the first that applies wins."""

    infrastructure = "infrastructure"
    cheating = "cheating"
    tampering = "tampering"
    task_bug = "task_bug"
    refusal = "refusal"
    format_error = "format_error"
    tool_misuse = "tool_misuse"
    missing_tool = "missing_tool"
    context_overflow = "context_overflow"
    loop = "loop"
    budget_exhausted = "budget_exhausted"
    early_stop = "early_stop"
    unverified_submission = "unverified_submission"
    wrong_answer = "wrong_answer"
    misread_output = "misread_output"
    invention = "invention"
    inconclusive = "inconclusive"

    @property
    def failure_class(self) -> FailureClass:
        """The class that this code belongs to."""
        return _CLASS_OF[self]


_CLASS_OF: dict[FailureCode, FailureClass] = {
    FailureCode.infrastructure: FailureClass.invalid,
    FailureCode.cheating: FailureClass.void,
    FailureCode.tampering: FailureClass.void,
    FailureCode.task_bug: FailureClass.spurious,
    FailureCode.refusal: FailureClass.spurious,
    FailureCode.format_error: FailureClass.spurious,
    FailureCode.tool_misuse: FailureClass.spurious,
    FailureCode.missing_tool: FailureClass.spurious,
    FailureCode.context_overflow: FailureClass.spurious,
    FailureCode.loop: FailureClass.spurious,
    FailureCode.budget_exhausted: FailureClass.tradeoff,
    FailureCode.early_stop: FailureClass.tradeoff,
    FailureCode.unverified_submission: FailureClass.tradeoff,
    FailureCode.wrong_answer: FailureClass.real,
    FailureCode.misread_output: FailureClass.real,
    FailureCode.invention: FailureClass.real,
    FailureCode.inconclusive: FailureClass.unknown,
}


class LimitKind(StrEnum):
    """The limits of one rollout (see ``unhobble.limits``)."""

    turns = "turns"
    tokens = "tokens"
    usd = "usd"
    time = "time"


class PluginKind(StrEnum):
    """The seams a third party can add to. The value is the tail of the entry-point group ``unhobble.<value>``."""

    scaffold = "scaffolds"
    tool_format = "tool_formats"
    prompt = "prompts"
    context = "context"
    tool_set = "tool_sets"
    sandbox = "sandboxes"
    suite = "suites"
    strategy = "strategies"
