"""What is asked for: a study (by a person) and a rollout (by the controller of a worker). Plain JSON, unknown fields refused."""

import hashlib
import json
from typing import Any

from pydantic import Field, field_validator, model_validator

from unhobble.candidates import Candidate
from unhobble.configuration import NO_VARIANT, Configuration
from unhobble.errors import NotFound
from unhobble.limits import Limits
from unhobble.messages import Frozen
from unhobble.sandboxing import BUILT_IMAGE, SandboxSpec
from unhobble.vocabulary import Objective, Split

ORGANISM_PREFIX = "organism/"
"""How the name of every simulated model starts, whichever way it is reached."""


class ModelSpec(Frozen):
    """A way to a model. A key is named, never carried: ``api_key_env`` is the name of an environment variable."""

    id: str = Field(min_length=1, description="litellm's name of the model (openai/gpt-x), or organism/<name> for a simulated one.")
    api_base: str | None = Field(
        None, description="Base URL of an OpenAI-compatible endpoint; the provider's own where it is null."
    )
    api_key_env: str | None = Field(None, description="Name of the environment variable that holds the key, on the workers.")
    params: dict[str, Any] = Field(default_factory=dict, description="Further parameters for litellm, passed on as they are.")

    @field_validator("params")
    @classmethod
    def _no_secrets(cls, params: dict[str, Any]) -> dict[str, Any]:
        reserved = {
            "api_key",
            "api_base",
            "base_url",
            "model",
            "messages",
            "tools",
            "stop",
            "stream",
            "num_retries",
            "max_retries",
        }
        if found := sorted(reserved & params.keys()):
            raise ValueError(f"{', '.join(found)} cannot be set here; a key is named by api_key_env, the rest is Unhobble's to set")
        return params

    @property
    def is_organism(self) -> bool:
        """Whether the model is simulated in process."""
        return self.id.startswith(ORGANISM_PREFIX)


class StudyModel(ModelSpec):
    """The model under evaluation, and variants of it that an evaluator may use and its users may not."""

    variants: dict[str, ModelSpec] = Field(
        default_factory=dict, description="Other checkpoints (helpful-only, fine-tuned), by the name in advantage.variant."
    )

    @field_validator("variants")
    @classmethod
    def _none_is_the_model(cls, variants: dict[str, ModelSpec]) -> dict[str, ModelSpec]:
        if NO_VARIANT in variants:
            raise ValueError(f"no variant can be called {NO_VARIANT!r}, which means the model itself")
        return variants

    def variant(self, name: str) -> ModelSpec:
        """The variant called ``name``; the model itself for ``none``. Raises ``NotFound``."""
        if name == NO_VARIANT:
            return ModelSpec.model_validate(self.model_dump(exclude={"variants"}))
        if name not in self.variants:
            raise NotFound(f"the model has no variant {name!r}; it has {', '.join(self.variants) or 'none'}")
        return self.variants[name]


class SuiteSpec(Frozen):
    """The tasks."""

    id: str = Field(description="A suite plug-in, for example builtin/shell.")
    tasks: tuple[str, ...] | None = Field(None, description="Only these tasks of the suite; all where it is null.")
    held_out_fraction: float = Field(0.4, gt=0, lt=1, description="Share of the tasks that the search never sees.")


class BudgetSpec(Frozen):
    """Ceilings for the whole study, its confirmation included. None means no ceiling."""

    rollouts: int = Field(ge=1, le=10_000_000, description="Rollouts that are scored.")
    usd: float | None = Field(None, gt=0, description="Dollars. Needs limits.usd, which is what one rollout reserves.")
    tokens: int | None = Field(None, ge=1, description="Tokens in and out. One rollout reserves limits.tokens.")
    wall_time_s: float | None = Field(None, gt=0, description="Seconds in which rollouts are started.")


class StopSpec(Frozen):
    """When a search ends before its budget does, by what its strategy forecasts. Where both rules are set, either ends it.

    A rule is looked at after every further twentieth of the search's rollouts and has to hold twice in a row.
    """

    beaten_by: float | None = Field(
        None, gt=0, lt=1, description="End when hardly any configuration is believed to beat the recommended one by more than this."
    )
    probability: float = Field(0.05, gt=0, lt=1, description="For beaten_by: the probability that counts as hardly any.")
    gain_below: float | None = Field(
        None, gt=0, lt=1, description="End when a tenth more of the search is expected to gain less than this."
    )
    min_rollouts: int | None = Field(
        None, ge=1, description="Rollouts of the search before a rule may apply; null: a quarter of what it has."
    )

    @model_validator(mode="after")
    def _has_a_rule(self) -> "StopSpec":
        if self.beaten_by is None and self.gain_below is None:
            raise ValueError("has no rule; set beaten_by or gain_below, or leave stop out")
        return self


class ConfirmSpec(Frozen):
    """What the confirmation shall be able to tell. How many rollouts are kept for it follows from this.

    The level of confidence is that of every interval in the findings (``analysis.report.LEVEL``).
    """

    effect: float = Field(0.2, gt=0, lt=1, description="The gain over the baseline that shall be told from none.")
    power: float = Field(0.8, ge=0.5, lt=1, description="The probability with which it shall be.")


class SearchSpec(Frozen):
    """How the space is searched."""

    strategy: str = Field("pooled", description="A strategy plug-in.")
    options: dict[str, Any] = Field(default_factory=dict, description="The strategy's own parameters.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of everything that is drawn at random.")
    concurrency: int = Field(4, ge=1, le=4096, description="Rollouts under way at once.")
    finalists: int = Field(
        3, ge=1, le=32, description="Configurations that are confirmed on the held-out split, beside the baseline."
    )
    warm_start: tuple[str, ...] = Field(
        (), max_length=4, description="Ids of studies that have ended and that the search begins with; see docs/search.md."
    )
    stop: StopSpec | None = Field(None, description="When the search may end before its budget does; null: never.")
    confirm: ConfirmSpec = Field(default_factory=ConfirmSpec, description="What the confirmation shall be able to tell.")
    confirm_fraction: float | None = Field(
        None, ge=0.05, le=0.9, description="Share of the rollouts that is kept for the confirmation, instead of a planned one."
    )

    @field_validator("warm_start")
    @classmethod
    def _each_once(cls, studies: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(studies)) < len(studies):
            raise ValueError("names a study twice")
        return studies


class StudySpec(Frozen):
    """One search: model, suite, space, objective and budget."""

    name: str = Field("untitled", min_length=1, max_length=200, description="What people call the study.")
    model: StudyModel = Field(description="The model under evaluation.")
    suite: SuiteSpec = Field(description="The tasks.")
    space: str | dict[str, Any] = Field("default", description="A preset's name, or an inline space.")
    objective: Objective = Field(Objective.success_rate, description="What is maximised.")
    baseline: Configuration | None = Field(None, description="The configuration that all is compared with; null: the space's own.")
    budget: BudgetSpec = Field(description="Ceilings for the whole study.")
    search: SearchSpec = Field(default_factory=SearchSpec, description="How the space is searched.")
    sandbox: SandboxSpec = Field(default_factory=SandboxSpec, description="Where commands run.")
    limits: Limits = Field(default_factory=Limits, description="Ceilings for one rollout.")

    @field_validator("sandbox")
    @classmethod
    def _no_folder_of_the_service(cls, sandbox: SandboxSpec) -> SandboxSpec:
        if sandbox.image is not None and sandbox.image.startswith(BUILT_IMAGE):
            raise ValueError(f"the image {sandbox.image!r} would be built from a folder of the service's machine; name an image")
        return sandbox


class RolloutSpec(Frozen):
    """One rollout, as a worker gets it: everything resolved, nothing to look up but plug-ins."""

    id: str = Field(description="Stable name of the rollout; see rollout_id.")
    study: str = Field(description="The study it belongs to.")
    trial: int = Field(description="The number of the trial it belongs to.")
    configuration: Configuration = Field(description="The configuration under evaluation.")
    candidate: Candidate | None = Field(
        None, description="What the configuration is on the controller; a worker with other words or code refuses. None: any."
    )
    suite: str = Field(description="Suite plug-in.")
    task: str = Field(description="Task of the suite.")
    split: Split = Field(description="The split that the task is in.")
    epoch: int = Field(ge=0, description="Which repeat of the task under this configuration.")
    seed: int = Field(ge=0, lt=2**32, description="Seed sent with every call of the model.")
    model: ModelSpec = Field(description="The model under evaluation, or the variant of it that the configuration names.")
    sandbox: SandboxSpec = Field(description="The sandbox, with its backend resolved.")
    limits: Limits = Field(description="The limits of one attempt, with the configuration's own applied.")


def rollout_id(study: str, trial: int, task: str, epoch: int) -> str:
    """The stable name of a rollout: the first 24 hexadecimal digits of the SHA-256 of its key."""
    return hashlib.sha256(json.dumps([study, trial, task, epoch]).encode()).hexdigest()[:24]


def rollout_seed(seed: int, configuration: Configuration, task: str, epoch: int) -> int:
    """The seed of a rollout, from what defines it and not from when it ran: 32 bits of a SHA-256."""
    key = json.dumps([seed, configuration.hash, task, epoch]).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big")


def attempt_seed(seed: int, attempt: int) -> int:
    """The seed of the ``attempt``-th attempt of a rollout with ``seed``; attempt 0 has the rollout's own seed."""
    if attempt == 0:
        return seed
    return int.from_bytes(hashlib.sha256(json.dumps(["attempt", seed, attempt]).encode()).digest()[:4], "big")


def draw_seed(seed: int, draw: int) -> int:
    """The seed of the ``draw``-th independent attempt within a rollout; draw 0 has the rollout's own seed."""
    if draw == 0:
        return seed
    return int.from_bytes(hashlib.sha256(json.dumps([seed, draw]).encode()).digest()[:4], "big")
