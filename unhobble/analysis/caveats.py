"""What a reader must know before quoting a figure of a study."""

from collections.abc import Iterator, Mapping, Sequence

from unhobble.analysis.report import Compared, Confirmed, ModelSeen, Resampled, SandboxSeen, SpaceOutlook
from unhobble.configuration import NO_VARIANT
from unhobble.records import RestsOn
from unhobble.vocabulary import OracleAccess


def caveats(
    models: Mapping[str, ModelSeen],
    sandbox: SandboxSeen,
    confirmed: Confirmed | None,
    outlook: SpaceOutlook | None = None,
    rests_on: Sequence[RestsOn] = (),
) -> tuple[str, ...]:
    """The caveats, the gravest first. ``models`` says who answered, by variant (``report.models_seen``).

    ``rests_on`` are the studies that the search was warm-started from.
    """
    return (
        *_of_models(models),
        _LOWER_BOUND,
        *(_of_figures(confirmed) if confirmed else _UNCONFIRMED),
        *(_of_outlook(outlook) if outlook else ()),
        *_of_warm_start(rests_on),
        *(f"The sandbox ({sandbox.backend}) did not enforce: {what}." for what in sandbox.not_enforced),
        "A model that underperforms on purpose in every configuration of the space would not be noticed.",
    )


_LOWER_BOUND = (
    "Every rate is a lower bound: it shows what was elicited in this space with this effort, not what the model can do at most."
)
_UNCONFIRMED = ("Nothing is confirmed yet: rates from the search split favour whatever was lucky.",)


def _of_warm_start(rests_on: Sequence[RestsOn]) -> Iterator[str]:
    if rests_on:
        named = "; ".join(one.words for one in rests_on)
        yield (
            f"The search was warm-started: what it believes rests also on {named}. A weight of 0 is none, and what is confirmed "
            "on the held-out split rests on this study's rollouts alone."
        )


def _of_models(models: Mapping[str, ModelSeen]) -> Iterator[str]:
    """Each variant is judged by itself: that another model answered where another one was asked is no change."""
    who = {name: "The model" if name == NO_VARIANT else f"The model variant {name}" for name in models}
    for name, seen in models.items():
        if seen.changed:
            shown = ", ".join((*seen.answered, *seen.fingerprints))
            yield f"{who[name]} CHANGED during the study ({shown}): the figures mix checkpoints."
    for name, seen in models.items():
        if seen.simulated:
            yield f"{who[name]} is SIMULATED ({seen.asked}): the figures are about the search, not about any language model."


def _of_figures(confirmed: Confirmed) -> Iterator[str]:
    if confirmed.track.oracle_access is not OracleAccess.none:
        yield f"The headline is of agents {confirmed.track.words}, the baseline's too."
    better = [other for other in confirmed.others if other.difference is not None and other.difference.mean > 0]
    if confirmed.difference is None and better:
        # All others have an advantage or another access to an oracle, which is what the headline went without.
        gains = "; ".join(f"trial {other.best_trial} {_named(other)} did, by {_gain(other)}" for other in better)
        track = confirmed.track.words
        yield f"{track[0].upper()}{track[1:]}, no finalist did better than the baseline on the held-out split; {gains}."
    elif confirmed.difference is None:
        yield "No finalist did better than the baseline on the held-out split: within this space and effort, nothing was gained."
    elif not confirmed.gain_is_clear:
        yield "The interval of the gain over the baseline contains 0: the gain may be chance."
    if confirmed.plan and confirmed.plan.warning:
        yield f"The confirmation was small: {confirmed.plan.warning}."
    if confirmed.resampled:
        yield from _of_resampling(confirmed.resampled)
    for other in confirmed.others:
        yield (
            f"The figures of trial {other.best_trial} are {_named(other)}. They are set against a baseline "
            f"{confirmed.track.words}, and are not ranked with the headline."
        )
    for left in confirmed.left_out:
        given = f" ({'; '.join(left.advantage)})" if left.advantage else ""
        yield f"The budget did not reach to confirm trial {left.trial}, {left.track.words}{given}: no figure of it can be quoted."


def _of_resampling(resampled: Resampled) -> Iterator[str]:
    tries = "1 attempt" if resampled.attempts == 1 else f"{resampled.attempts} attempts"
    if resampled.verdict != "yes" and resampled.matched > 1:  # where it is 1, the gain itself is the answer
        yield (
            f"The best configuration is not shown to beat plain resampling: the baseline with {tries} at each task, the right one "
            f"picked by the true scorer, reached {resampled.rate.mean:.2f}. No user can pick like that; it is the most that "
            "resampling could give."
        )
    if resampled.attempts < resampled.matched:
        yield (
            f"Resampling was given less than the best configuration's spend: {tries} instead of {resampled.matched}, because the "
            "budget did not reach further."
        )


def _of_outlook(outlook: SpaceOutlook) -> Iterator[str]:
    yield (
        f"The upper limit of the space, {outlook.upper_limit:.2f} on the search tasks, is a 95 % credible limit under a model "
        "(on test surfaces it held less often), and no proof. "
        "It is of the configurations of the declared space alone: what lies outside can do better."
    )


def _named(compared: Compared) -> str:
    given = compared.best.advantage
    return f"{compared.track.words} ({'; '.join(given)})" if given else compared.track.words


def _gain(compared: Compared) -> str:
    assert compared.difference is not None  # only the baseline differs from itself by nothing
    said = f"{compared.difference.mean:+.2f}"
    return said if compared.gain_is_clear else f"{said}, which may be chance"
