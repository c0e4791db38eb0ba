"""What an organism is: its capability, and what hobbles it. One YAML file in ``organisms/`` is one organism."""

import hashlib
import math
from collections.abc import Set
from enum import StrEnum
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from unhobble.errors import BadInput, Issue
from unhobble.messages import Frozen
from unhobble.models.organism.draws import Draws
from unhobble.registry import installed, validation_issues

Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]

ANY_FORMAT = "*"
"""Stands for every tool format that is not listed."""

_FOLDER = Path(__file__).parent / "organisms"
_LOGIT_LIMIT = 700.0


class Cue(StrEnum):
    """What an organism can notice about how it is used, beside its tool format, its tools and the effort it is asked for.

    ``shown`` is an example ahead of the task, ``abridged`` a conversation of which a part is not shown any more.
    """

    planned = "planned"
    verifying = "verifying"
    persisting = "persisting"
    authorised = "authorised"
    reflecting = "reflecting"
    hinted = "hinted"
    shown = "shown"
    abridged = "abridged"


class SlipKind(StrEnum):
    """How a call goes wrong. A lenient reader mends the first three."""

    unfinished = "unfinished"
    capitalised = "capitalised"
    bare = "bare"
    wrong_tool = "wrong_tool"
    no_arguments = "no_arguments"
    prose = "prose"


class Hobble(StrEnum):
    """What can keep an organism from what it is able to; see ``Traits.freed_from``."""

    refusal = "refusal"
    password = "password"  # noqa: S105 - the name of a trait
    tool_format = "tool_format"
    looping = "looping"
    early_stop = "early_stop"
    context = "context"
    tampering = "tampering"
    support = "support"
    temperature = "temperature"


class Effect(Frozen):
    """Log-odds of success that an organism gains (or loses) where all of ``when`` hold: several make an interaction.

    A condition is one of ``Cue``, ``tool_format=<id>``, ``tool=<name>`` or ``effort=<level>``, and may have ``not`` before it.
    """

    when: tuple[str, ...] = Field(min_length=1, description="What must hold, all of it.")
    logit: float = Field(description="Log-odds gained.")

    @field_validator("when")
    @classmethod
    def _known(cls, when: tuple[str, ...]) -> tuple[str, ...]:
        for condition in when:
            name, equals, value = condition.removeprefix("not ").partition("=")
            if not (name in Cue.__members__ if not equals else name in ("tool_format", "tool", "effort") and value):
                cues = ", ".join(Cue)
                allowed = f"one of {cues}, or tool_format=..., tool=... or effort=..., with or without 'not ' before it"
                raise ValueError(f"a condition is {allowed}, not {condition!r}")
        return when

    def holds(self, features: Set[str]) -> bool:
        """Whether every condition holds among ``features``."""
        return all((c.removeprefix("not ") in features) != c.startswith("not ") for c in self.when)


class Provider(Frozen):
    """How the endpoint that serves an organism misbehaves. Each attempt at an answer draws anew, so that asking again helps."""

    rate_limited: Probability = Field(0.0, description="Probability that an attempt is refused with status 429.")
    retry_after_s: float = Field(0.0, ge=0, description="Seconds that such a refusal asks to wait.")
    server_error: Probability = Field(0.0, description="Probability that an attempt ends with status 500.")
    timeout: Probability = Field(0.0, description="Probability that an attempt is never answered.")
    truncated: Probability = Field(0.0, description="Probability that the connection is cut in the middle of the answer.")
    changes_after: int | None = Field(None, ge=1, description="Answers after which another checkpoint answers; null: never.")
    then: dict[str, Any] = Field(default_factory=dict, description="Traits of that checkpoint, where they differ.")

    @model_validator(mode="after")
    def _not_more_than_certain(self) -> "Provider":
        total = self.rate_limited + self.server_error + self.timeout + self.truncated
        if total > 1:
            raise ValueError(f"the probabilities of what befalls an attempt must not add up to more than 1, and they do: {total:g}")
        return self


class Traits(Frozen):
    """An organism. Its success on a task is a logistic function of the log of the minutes a human needs (see ``p_success``)."""

    summary: str = Field("", description="What the organism is good for, in one sentence.")

    ability: float = Field(description="Log-odds of success on a task that takes a human one minute, before any effect.")
    slope: float = Field(0.5, ge=0, description="Log-odds lost with each doubling of the human minutes.")
    families: dict[str, float] = Field(default_factory=dict, description="Log-odds gained on the tasks of a family.")
    family_spread: float = Field(0.0, ge=0, description="Standard deviation of a random effect of each family, in log-odds.")
    task_spread: float = Field(0.0, ge=0, description="The same of each task.")
    individuality: int = Field(0, ge=0, description="Seed of those effects: the same organism with other strengths.")
    stubbornness: Probability = Field(
        0.0, description="Share of tasks on which every conversation has the same luck, so that trying again changes nothing."
    )
    effects: tuple[Effect, ...] = Field((), description="What changes the log-odds of success; several conditions interact.")
    temperature_penalty: float = Field(0.0, ge=0, description="Log-odds lost per unit of temperature above 0.")

    password: str | None = Field(None, description="Words that must stand in the conversation; without them it sandbags.")
    sandbagging: float = Field(0.0, ge=0, description="Log-odds lost where the password is missing.")

    format_fluency: dict[str, Probability] = Field(
        default_factory=dict, description="Probability that a call is well-formed, by tool format."
    )
    default_fluency: Probability = Field(1.0, description="The same for every tool format that is not listed.")
    slips: dict[str, dict[SlipKind, Weight]] = Field(
        default_factory=dict,
        description="How calls go wrong, as weights, by tool format; * for those not listed. Empty: every way alike.",
    )
    speaks: str | None = Field(None, description="The only tool format it ever writes, whatever it is asked for; null: any.")
    format_confusion: float = Field(
        0.0, ge=0, description="Log-odds lost with each answer of the conversation that could not be read."
    )

    early_stop: Probability = Field(0.0, description="Probability, each turn, of handing in before the work is done.")
    persistence: Probability = Field(0.0, description="Share of early_stop that is left where the prompt asks to persist.")
    looping: Probability = Field(
        0.0, description="Probability, each step, of saying the same thing from then on; in proportion less with temperature."
    )
    refusal: Probability = Field(
        0.0, description="Probability, each conversation, of refusing; none where the prompt says that the task is authorised."
    )
    tampering: Probability = Field(
        0.0,
        description="Probability, each conversation, of making the visible check pass instead of working, where there is one.",
    )
    rating_skill: Probability = Field(
        1.0, description="Probability that a rating or check tells good from bad attempts; it is random otherwise."
    )
    correction: Probability = Field(0.0, description="Probability that work which is objected to is thought through once more.")

    context_tokens: int = Field(128_000, ge=1, description="Tokens of the longest conversation, answer included.")
    browsing: int = Field(
        0, ge=0, le=9, description="Long printouts that it looks at before it begins, which stay in the conversation."
    )
    attention_tokens: int | None = Field(None, ge=1, description="Tokens beyond which it begins to forget; null: never.")
    forgetting: float = Field(0.0, ge=0, description="Log-odds lost with each doubling of the conversation beyond that.")

    thinking_tokens: int = Field(0, ge=0, description="Mean tokens of thought before each answer: billed, and never shown.")
    usd_per_million_input_tokens: float | None = Field(1.0, ge=0, description="Price of input; null where it is not known.")
    usd_per_million_output_tokens: float | None = Field(4.0, ge=0, description="Price of output; null where it is not known.")
    latency_s: float = Field(0.0, ge=0, description="Median seconds that an answer takes.")
    latency_spread: float = Field(0.0, ge=0, description="Standard deviation of the natural logarithm of those seconds.")
    provider: Provider = Field(Provider(), description="How the endpoint that serves it misbehaves.")

    @field_validator("slips")
    @classmethod
    def _some_kind(cls, slips: dict[str, dict[SlipKind, float]]) -> dict[str, dict[SlipKind, float]]:
        if none := [tool_format for tool_format, weights in slips.items() if not any(weights.values())]:
            raise ValueError(f"{', '.join(none)}: at least one kind of slip must have a weight above 0")
        return slips

    @property
    def fingerprint(self) -> str:
        """Changes whenever a trait does: the first 16 hexadecimal digits of the SHA-256 of the JSON form, after ``fp_``."""
        return "fp_" + hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def aptitude(self, task: str, family: str, human_minutes: float) -> float:
        """Log-odds of success on a task where nothing helps or hinders: ability, difficulty, and the effects of family and task.

        The random effects are normal, each drawn from ``individuality`` and the name of the family or task alone.
        """
        own = Draws(self.individuality, "")
        effects = (
            self.family_spread * _normal(own.uniform(f"family {family}")) + self.task_spread * _normal(own.uniform(f"task {task}"))
            if self.family_spread or self.task_spread
            else 0.0
        )
        return self.ability - self.slope * math.log2(human_minutes) + self.families.get(family, 0.0) + effects

    def p_success(
        self, aptitude: float, *, features: Set[str], locked: bool, temperature: float | None, unreadable: int, tokens: int
    ) -> float:
        """Probability of solving a task: 1 / (1 + exp(-(aptitude + effects - what is lost))).

        ``features`` are the conditions that hold (see ``Effect``), ``locked`` says that the password is missing, ``unreadable``
        counts the answers that could not be read, and ``tokens`` is the length of the conversation.
        """
        logit = aptitude + sum(effect.logit for effect in self.effects if effect.holds(features))
        logit -= self.sandbagging * locked
        logit -= self.temperature_penalty * (temperature or 0.0) + self.format_confusion * unreadable
        if self.attention_tokens is not None and tokens > self.attention_tokens:
            logit -= self.forgetting * math.log2(tokens / self.attention_tokens)
        return 1 / (1 + math.exp(-max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, logit))))

    def fluency(self, tool_format: str) -> float:
        """Probability that a call in ``tool_format`` is well-formed."""
        return self.format_fluency.get(tool_format, self.default_fluency)

    def slip_weights(self, tool_format: str) -> dict[SlipKind, float]:
        """How often each kind of slip happens in ``tool_format``, relative to the others."""
        weights = self.slips.get(tool_format, self.slips.get(ANY_FORMAT, dict.fromkeys(SlipKind, 1.0)))
        return {kind: weights.get(kind, 0.0) for kind in SlipKind}

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars for a call; None where a price is not known."""
        if self.usd_per_million_input_tokens is None or self.usd_per_million_output_tokens is None:
            return None
        total = input_tokens * self.usd_per_million_input_tokens + output_tokens * self.usd_per_million_output_tokens
        return total / 1_000_000

    def freed_from(self, *hobbles: Hobble) -> "Traits":
        """The organism that it would be without some of what hobbles it; its luck stays the same.

        ``support`` gives it every bonus at once, whether its conditions hold or not, and takes every penalty away.
        """
        changes: dict[str, Any] = {}
        for hobble in hobbles:
            match hobble:
                case Hobble.tool_format:
                    changes |= {"format_fluency": {}, "default_fluency": 1.0, "speaks": None, "format_confusion": 0.0}
                case Hobble.password:
                    changes |= {"sandbagging": 0.0}
                case Hobble.context:
                    changes |= {"context_tokens": 2**40, "attention_tokens": None}
                case Hobble.support:
                    helped = sum(effect.logit for effect in self.effects if effect.logit > 0)
                    changes |= {"effects": (), "ability": self.ability + helped}
                case Hobble.temperature:
                    changes |= {"temperature_penalty": 0.0}
                case Hobble.refusal | Hobble.looping | Hobble.early_stop | Hobble.tampering:
                    changes |= {hobble.value: 0.0}
        return self.model_copy(update=changes)


def changed(traits: Traits, changes: dict[str, Any], at: str) -> Traits:
    """``traits`` with ``changes``, checked. Raises ``BadInput`` with paths that start at ``at``."""
    try:
        return Traits.model_validate(traits.model_dump() | changes)
    except ValidationError as error:
        raise BadInput(validation_issues(error, at)) from None


def organism_names() -> list[str]:
    """Every organism, sorted: those that come with Unhobble, and ``organisms/*.yaml`` in the operator's folders."""
    return sorted(_files())


@cache
def load_traits(name: str) -> Traits:
    """The traits of an organism. Raises ``BadInput`` where there is none of that name, or its file is wrong."""
    files = _files()
    if name not in files:
        raise BadInput([Issue("model.id", f"no organism {name!r}; there are {', '.join(sorted(files))}")])
    try:
        return Traits.model_validate(yaml.safe_load(files[name].read_text()))
    except yaml.YAMLError as error:
        raise BadInput([Issue(f"organisms/{name}.yaml", f"is no YAML: {error}")]) from None
    except ValidationError as error:
        raise BadInput(validation_issues(error, f"organisms/{name}.yaml")) from None


def _files() -> dict[str, Path]:
    """The file of each organism, by its name. Raises ``BadInput`` where two have the same."""
    found: dict[str, Path] = {}
    for folder in (_FOLDER, *(folder / _FOLDER.name for folder in installed().folders)):
        for file in sorted(folder.glob("*.yaml")):
            if file.stem in found:
                raise BadInput([Issue(str(file), f"two organisms are called {file.stem!r}")])
            found[file.stem] = file
    return found


def _normal(uniform: float) -> float:
    """The standard normal variate at ``uniform``, a number in [0, 1)."""
    return NormalDist().inv_cdf(uniform or 2.0**-53)
