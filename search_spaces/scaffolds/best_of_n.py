"""Several attempts from the same start, of which the model's own rating picks one."""

import re
from dataclasses import dataclass

from pydantic import Field

from search_spaces.scaffolds._loop import Conversation, LoopConfig
from unhobble.cues import RATE_REQUEST, RATING_LABEL
from unhobble.errors import ContextOverflow, LimitReached
from unhobble.protocols import RolloutContext
from unhobble.vocabulary import LimitKind, OracleAccess

_RATING = re.compile(rf"{RATING_LABEL}[\s`*]*(\d{{1,2}}(?:\.\d+)?)", re.IGNORECASE)


class Config(LoopConfig):
    """Parameters of repeated attempts."""

    attempts: int = Field(3, ge=2, le=8, description="Attempts, each from the task's first state. They share the turn limit.")


@dataclass(frozen=True)
class _Attempt:
    number: int
    submission: str | None
    out_of_turns: bool
    rating: float | None
    snapshot: str

    @property
    def rank(self) -> tuple[bool, float]:
        """Higher is better: handed in before not, then by rating; a rating that could not be read comes last."""
        return self.submission is not None, -1.0 if self.rating is None else self.rating


class BestOfN:
    """``protocols.Scaffold``: attempts with seeds of their own (``draw``), each rated without tools (purpose ``rate``).

    The turns that are left are shared evenly among the attempts that are left, after setting aside one a rating: an early
    submission leaves more for the next attempt, and a long attempt starves nobody. Where the limit allows fewer than two turns
    an attempt, fewer attempts are made. When another limit or the model's context cuts an attempt short, the best one before it
    is handed in; without one, the escape is let through. Where no attempt was handed in within its share, all turns are used:
    the first one's files stand and ``LimitReached`` is raised.
    """

    oracle_access: OracleAccess = OracleAccess.none

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, context: RolloutContext) -> str | None:
        """See ``protocols.Scaffold``."""
        attempts = min(self._config.attempts, context.limits.turns // 2)
        if attempts < 2:
            return await Conversation(context, self._config.max_problems).finish()
        best = await self._best_attempt(context, attempts)
        context.note(f"attempt {best.number} is handed in")
        await context.restore(best.snapshot)
        if best.submission is None and best.out_of_turns:
            raise LimitReached(LimitKind.turns, context.limits.turns)
        return best.submission

    async def _best_attempt(self, context: RolloutContext, attempts: int) -> _Attempt:
        start = await context.snapshot()
        turns_left = context.limits.turns
        best: _Attempt | None = None
        for number in range(1, attempts + 1):
            if best is not None:
                await context.restore(start)
            agent = Conversation(context, self._config.max_problems, draw=number - 1)
            share = turns_left // (attempts - number + 1) - 1
            try:
                attempt = await _attempt(agent, number, share)
            except (LimitReached, ContextOverflow) as escape:
                if best is None:
                    raise
                context.note(f"attempt {number} was cut short: {escape}")
                return best
            turns_left -= agent.turns
            if best is None or attempt.rank > best.rank:
                best = attempt
        assert best is not None  # the first attempt either ended or its escape was let through
        return best


async def _attempt(agent: Conversation, number: int, turns: int) -> _Attempt:
    """Up to ``turns`` turns of acting; what was handed in is then rated."""
    while not agent.over and agent.turns < turns:
        await agent.step()
    snapshot = await agent.context.snapshot()
    rating = await _rate(agent, number) if agent.submission is not None else None
    return _Attempt(number, agent.submission, not agent.over, rating, snapshot)


async def _rate(agent: Conversation, number: int) -> float | None:
    """The model's rating of its attempt, 0 to 10; None where it gave none, for example because a limit was reached."""
    try:
        found = _RATING.findall(await agent.consult(RATE_REQUEST, purpose="rate"))
    except (LimitReached, ContextOverflow) as escape:
        agent.context.note(f"attempt {number} was not rated: {escape}")
        return None
    if not found:
        agent.context.note(f"attempt {number} was not rated: the answer holds no rating")
        return None
    rating = min(10.0, float(found[-1]))
    agent.context.note(f"attempt {number} was rated {rating:g}")
    return rating


def build(config: Config) -> BestOfN:
    """The scaffold."""
    return BestOfN(config)
