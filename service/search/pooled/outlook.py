"""What the belief says of the whole space: its best, how far below it the recommended may be, what more search gains, what matters.

The maximum is that of joint draws over several hundred candidates, which hold what may be the best (``candidates``): their
neighbours, and theirs. In a space of millions that is a maximum over those that were looked at, and the true one of a draw may
lie a little higher.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import Space
from service.search.pooled.belief import Belief, Evidence, root, success
from service.search.pooled.candidates import Candidates, candidates
from service.search.pooled.encoding import Floats
from unhobble.configuration import Configuration
from unhobble.records import Effect, Outlook

FURTHER = (0.1, 1.0, 3.0, 9.0)
"""Shares of the search's rollouts that are added to it: a tenth, and 2, 4 and 10 times as many in all."""

_DRAWS = 400
_SHOWN = 200
_EFFECT_DRAWS = 200
_TAIL = 0.05
_ACTIVE_DRAWS = 500
_INFORMATION = 0.2
"""What one rollout says of f, in inverse squared logits: p (1 - p), at most a quarter."""


def look_out(
    space: Space, evidence: Evidence, belief: Belief, recommended: int, *, seed: int, wanted: Callable[[Configuration], bool]
) -> Outlook:
    """The outlook of those configurations that are ``wanted``; ``recommended`` is the row of the one that is recommended."""
    rng = np.random.default_rng([seed, evidence.rollouts])
    offered = _wanted(candidates(space, evidence, belief, random.Random(f"outlook {seed}")), recommended, evidence, wanted)
    f, tau = belief.draws(offered.places, offered.rows, _DRAWS, rng)
    here = offered.rows.index(recommended)
    maximum, own = success(f.max(axis=0), tau), success(f[here], tau)
    low, high, limit = np.quantile(maximum, [_TAIL, 1 - _TAIL, 0.95])
    shortfalls = np.sort(maximum - own)
    return Outlook(
        maximum=float(maximum.mean()),
        maximum_low=float(low),
        maximum_high=float(high),
        upper_limit=float(limit),
        shortfalls=tuple(float(value) for value in shortfalls[:: _DRAWS // _SHOWN]),
        gains=tuple((share, _gain(belief, offered, f, tau, here, share * evidence.rollouts, rng)) for share in FURTHER),
        effects=tuple(effects(space, belief, rng)),
    )


def _wanted(offered: Candidates, recommended: int, evidence: Evidence, wanted: Callable[[Configuration], bool]) -> Candidates:
    kept = [place for place, one in enumerate(offered.configurations) if wanted(one) and offered.rows[place] != recommended]
    return Candidates(
        (evidence.configurations[recommended], *(offered.configurations[place] for place in kept)),
        (recommended, *(offered.rows[place] for place in kept)),
        np.vstack([evidence.places[[recommended]], offered.places[kept]]),
    )


def _gain(
    belief: Belief, offered: Candidates, f: Floats, tau: Floats, here: int, rollouts: float, rng: np.random.Generator
) -> float:
    """What the recommended configuration after ``rollouts`` more is expected to be better by (a preposterior analysis).

    The further rollouts are shared out by the probability of being the best. Each draw is a truth; from it, and from the noise that
    so many rollouts leave, follows what would be believed, and with it what would be recommended. That they also say something
    of their neighbours is left out, so that the gain is rather more than this.
    """
    mean, deviation = belief.marginal(offered.places, offered.rows)
    wins = np.bincount(f.argmax(axis=0), minlength=len(f)) / f.shape[1]
    information = _INFORMATION * rollouts * wins
    weight = deviation**2 * information / (1 + deviation**2 * information)
    noise = np.sqrt(weight * (1 - weight)) * deviation
    believed = mean[:, None] + weight[:, None] * (f - mean[:, None]) + noise[:, None] * rng.standard_normal(f.shape)
    then = f[believed.argmax(axis=0), np.arange(f.shape[1])]
    return max(0.0, float((success(then, tau) - success(f[here], tau)).mean()))


# --- what matters -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Grid:
    """The values of one or two dimensions, and the prior covariance of their effect among them and with what was seen."""

    among: Floats
    with_seen: Floats
    active: float


def effects(space: Space, belief: Belief, rng: np.random.Generator) -> Sequence[Effect]:
    """The share of the variance of f over the space that each dimension and each pair of dimensions has; () is all the rest.

    A part's variance is that over its values, each as likely, times how often it is active in a random configuration (Sobol's
    indices, Hooker 2007); its interval is that of draws from the posterior of the part.
    """
    encoding, variances = belief.encoding, belief.variances
    axes = range(len(encoding.axes))
    active = _active(space, belief)
    singles = [encoding.grid(axis, belief.seen) for axis in axes]
    parts: list[tuple[tuple[str, ...], float, _Grid]] = []
    for a in axes:
        among, with_seen = singles[a]
        parts.append(((encoding.paths[a],), float(variances.single[a]), _Grid(among, with_seen, float(active[:, a].mean()))))
    for a, b in combinations(axes, 2):
        both = float((active[:, a] & active[:, b]).mean())
        if both:
            among = np.kron(singles[a][0], singles[b][0])
            with_seen = (singles[a][1][:, None, :] * singles[b][1][None, :, :]).reshape(len(among), -1)
            parts.append(((encoding.paths[a], encoding.paths[b]), float(variances.pair[a, b]), _Grid(among, with_seen, both)))
    drawn = [_part_draws(belief, variance, grid, rng) for _, variance, grid in parts]
    rest = np.full(_EFFECT_DRAWS, variances.remainder + variances.residual)
    total = np.maximum(sum(drawn, rest), 1e-12)
    named = [(paths, draws) for (paths, _, _), draws in zip(parts, drawn, strict=True)] + [((), rest)]
    found = [_effect(paths, draws / total) for paths, draws in named]
    return sorted(found, key=lambda effect: -effect.share)


def _effect(paths: tuple[str, ...], shares: Floats) -> Effect:
    low, high = np.quantile(shares, [_TAIL, 1 - _TAIL])
    return Effect(dimensions=paths, share=float(shares.mean()), low=float(low), high=float(high))


def _part_draws(belief: Belief, variance: float, grid: _Grid, rng: np.random.Generator) -> Floats:
    """Draws of a part's variance over its values."""
    cross = variance * grid.with_seen
    mean = belief.posterior.mean(cross)
    covariance = belief.posterior.covariance(cross, variance * grid.among)
    drawn = mean[:, None] + root(covariance) @ rng.standard_normal((len(mean), _EFFECT_DRAWS))
    found: Floats = grid.active * drawn.var(axis=0)
    return found


def _active(space: Space, belief: Belief) -> NDArray[np.bool_]:
    """Which dimensions random configurations set: configurations × axes, true or false."""
    draw = random.Random("active")
    found: NDArray[np.bool_] = belief.encoding.places([space.sample(draw) for _ in range(_ACTIVE_DRAWS)]) >= 0
    return found
