"""What the belief says of the whole space: its best, how far below it the recommended may be, what more search gains, what matters.

The maximum is that of joint draws over several hundred candidates, which hold what may be the best (``candidates``), and over
random configurations, each of which stands for as many of the space as there are: of these it is the best residual that counts.
Real spaces are rougher than the model's prior says; so for the upper limit the draws are widened, by a factor that was chosen by
hand. It is not enough everywhere: docs/search.md has what was seen.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from search_spaces.space import Space
from service.search.pooled.belief import Belief, Evidence, root, success
from service.search.pooled.candidates import Candidates, Wanted, candidates, drawn
from service.search.pooled.encoding import Floats
from unhobble.records import Effect, Outlook

FURTHER = (0.1, 1.0, 3.0, 9.0)
"""Shares of the search's rollouts that are added to it: a tenth, and 2, 4 and 10 times as many in all."""

_DOUBT = 1.25
"""By this factor the draws of how far others lie above the recommended one are wider than the posterior's."""

_RANDOM = 300
_ENDLESS = 1_000_000
"""Configurations that a space with a continuum is taken to have."""

_DRAWS = 400
_SHOWN = 200
_EFFECT_DRAWS = 200
_TAIL = 0.05
_ACTIVE_DRAWS = 500
_INFORMATION = 0.2
"""What one rollout says of f, in inverse squared logits: p (1 - p), at most a quarter."""


def look_out(space: Space, evidence: Evidence, belief: Belief, recommended: int, *, seed: int, wanted: Wanted) -> Outlook:
    """The outlook of those configurations that are ``wanted``; ``recommended`` is the row of the one that is recommended."""
    rng = np.random.default_rng([seed, evidence.rollouts])
    offered = _with(recommended, evidence, candidates(space, evidence, belief, random.Random(f"outlook {seed}"), wanted))
    f, tau = belief.draws(offered.places, offered.rows, _DRAWS, rng)
    mean, _ = belief.marginal(offered.places, offered.rows)
    candidate = set(offered.configurations)
    others = _best_of_others(space, belief, rng, lambda one: wanted(one) and one not in candidate)
    own = success(f[0], tau)
    maximum = np.maximum(success(np.maximum(f.max(axis=0), others(1.0)), tau), own)
    apart = (mean - mean[0])[:, None]
    doubted = f[0] + apart + _DOUBT * (f - f[0] - apart)
    limit = np.maximum(success(np.maximum(doubted.max(axis=0), others(_DOUBT)), tau), own)
    low, high = np.quantile(maximum, [_TAIL, 1 - _TAIL])
    shortfalls = np.sort(maximum - own)
    return Outlook(
        maximum=float(maximum.mean()),
        maximum_low=float(low),
        maximum_high=float(high),
        upper_limit=float(np.quantile(limit, 0.95)),
        shortfalls=tuple(float(value) for value in shortfalls[:: _DRAWS // _SHOWN]),
        gains=tuple((share, _gain(belief, offered, f, tau, share * evidence.rollouts, rng)) for share in FURTHER),
        effects=tuple(effects(space, belief, rng)),
    )


def _best_of_others(space: Space, belief: Belief, rng: np.random.Generator, wanted: Wanted) -> Callable[[float], Floats]:
    """Draws of the best f of what is no candidate, as much wider than the posterior's as is asked for.

    A random configuration stands for as many of the space as there are for each: with its smooth part, and the best of their
    residuals.
    """
    draw = random.Random(int(rng.integers(2**62)))
    some = list(dict.fromkeys(drawn(space, draw, _RANDOM, wanted)))
    if not some:
        return lambda _: np.full(_DRAWS, -np.inf)
    mean, covariance = belief.joint(belief.encoding.places(some))
    residual = belief.variances.residual
    smooth = root(covariance - residual * np.eye(len(some))) @ rng.standard_normal((len(some), _DRAWS))
    each = max(1.0, (space.size() or _ENDLESS) / len(some))
    # The best of n normal residuals, by its distribution function u ** n.
    best = np.sqrt(residual) * norm.isf(-np.expm1(np.log(rng.random(smooth.shape)) / each))
    return lambda width: np.asarray((mean[:, None] + width * (smooth + best)).max(axis=0))


def _with(recommended: int, evidence: Evidence, offered: Candidates) -> Candidates:
    """The recommended configuration first, and all others."""
    kept = [place for place, row in enumerate(offered.rows) if row != recommended]
    return Candidates(
        (evidence.configurations[recommended], *(offered.configurations[place] for place in kept)),
        (recommended, *(offered.rows[place] for place in kept)),
        np.vstack([evidence.places[[recommended]], offered.places[kept]]),
    )


def _gain(belief: Belief, offered: Candidates, f: Floats, tau: Floats, rollouts: float, rng: np.random.Generator) -> float:
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
    return max(0.0, float((success(then, tau) - success(f[0], tau)).mean()))


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
    cross = variance * grid.with_seen * belief.bond
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
