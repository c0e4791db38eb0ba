"""What a calibration leaves behind: the shapes of ``docs/calibration.json``. All figures are of SIMULATED models."""

import json
from typing import Any, Literal

from pydantic import Field

from unhobble.configuration import Scalar
from unhobble.messages import Frozen


class Value(Frozen):
    """A true value and the standard error with which it is known."""

    mean: float
    error: float


class Reported(Frozen):
    """What the findings say of the recommended configuration: its mean on the held-out tasks, and the interval."""

    mean: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies in the interval."""
        return self.low <= value <= self.high


class Bounds(Frozen):
    """What is claimed of the best that the space has; ``upper`` on the search tasks. It is None where nothing is claimed."""

    lower: float
    upper: float | None


class Labels(Frozen):
    """Failure labels of some failed rollouts of a study, held against their true causes.

    ``code`` and ``code_class`` count the labels that name a true cause, by code and by class. ``unseen`` are the rollouts of whose
    causes none leaves a trace in a transcript; a label of theirs is never counted as right. ``mixed`` are those which no one cause
    explains; they are left out of everything else.
    """

    failed: int = Field(description="Failed rollouts of the study.")
    looked_at: int = Field(description="Failed rollouts whose true cause was looked up.")
    mixed: int
    unseen: int
    code: int
    code_class: int
    by_cause: dict[str, dict[str, int]] = Field(description="How often each code was given, by true cause.")


class StudyFigures(Frozen):
    """One study of one organism. Means are of what the study's objective counts."""

    seed: int
    recommended: dict[str, Scalar]
    trial: int = Field(description="0 is the baseline.")
    reported: Reported
    bounds: Bounds
    gain_is_clear: bool = Field(description="Whether the report says that the recommended is better than the baseline.")
    true_value: Value = Field(description="Of the recommended configuration, on the whole suite.")
    true_held_out: Value = Field(description="The same on the held-out tasks.")
    search_best: float = Field(description="Highest observed mean of a trial that played every search task.")
    search_best_true: Value = Field(description="The true value of that trial's configuration, on the search tasks.")
    labels: Labels
    configurations: int
    rollouts: int
    tokens: int = Field(description="That the simulated model would have been billed for.")
    usd: float | None
    cpu_s: float = Field(description="Of this machine, for the study alone.")


class OrganismFigures(Frozen):
    """One organism: the truth, and its studies."""

    name: str
    simulated: Literal[True] = True
    fingerprint: str = Field(description="Of the traits.")
    summary: str
    baseline: Value
    best: Value
    best_configuration: dict[str, Scalar]
    best_on_search: Value | None = Field(
        None, description="Of the best configuration, on the search tasks alone; None in what was kept before upper bounds were."
    )
    truth_cpu_s: float = Field(description="Of this machine, for the truth of baseline and best.")
    studies: tuple[StudyFigures, ...]


class Calibration(Frozen):
    """All of a calibration."""

    schema_version: Literal[1] = 1
    simulated: Literal[True] = True
    unhobble: str = Field(description="The version that was calibrated.")
    strategy: str
    options: dict[str, Any]
    space: str
    space_digest: str
    suite: str
    suite_version: str
    suite_digest: str
    tasks: int
    held_out: int
    rehearsed: bool = Field(description="Whether what the tasks' commands print and are worth was known from a rehearsal.")
    rollouts: int
    level: float = Field(description="The nominal level of the reported intervals.")
    seeds: tuple[int, ...]
    organisms: tuple[OrganismFigures, ...]
    wall_s: float = 0.0
    cores: int = Field(1, description="Processes that it took.")

    def to_json(self) -> str:
        """As it is kept: figures with six decimals, which is far below their error."""
        return json.dumps(_rounded(self.model_dump(mode="json")), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """What ``to_json`` gave. Raises ``pydantic.ValidationError``."""
        return cls.model_validate_json(text)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 6)
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
        case _:
            return value
