"""First a plan, then act on it; the plan can be renewed every so many turns."""

from pydantic import Field

from search_spaces.scaffolds._loop import Conversation, LoopConfig
from unhobble.cues import PLAN_ACCEPTED, PLAN_REQUEST
from unhobble.protocols import RolloutContext
from unhobble.vocabulary import OracleAccess


class Config(LoopConfig):
    """Parameters of planning."""

    replan_every: int = Field(0, ge=0, le=1000, description="Turns of acting after which a new plan is asked for; 0: never.")


class PlanExecute:
    """``protocols.Scaffold``: a plan is asked for without tools (purpose ``plan``) before the loop starts. Plans cost turns."""

    oracle_access: OracleAccess = OracleAccess.none

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, context: RolloutContext) -> str | None:
        """See ``protocols.Scaffold``."""
        agent = Conversation(context, self._config.max_problems)
        await _plan(agent)
        acted = 0
        while not agent.over:
            if self._config.replan_every and acted and acted % self._config.replan_every == 0:
                context.note(f"a new plan is asked for after {acted} turns of acting")
                await _plan(agent)
            await agent.step()
            acted += 1
        return agent.submission


async def _plan(agent: Conversation) -> None:
    await agent.consult(PLAN_REQUEST, purpose="plan")
    agent.tell(PLAN_ACCEPTED)


def build(config: Config) -> PlanExecute:
    """The scaffold."""
    return PlanExecute(config)
