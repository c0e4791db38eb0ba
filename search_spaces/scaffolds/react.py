"""Act, see the result, act again, until the agent submits."""

from search_spaces.scaffolds._loop import Conversation, LoopConfig
from unhobble.protocols import RolloutContext
from unhobble.vocabulary import OracleAccess


class Config(LoopConfig):
    """Parameters of the plain loop."""


class React:
    """``protocols.Scaffold``: one conversation, one loop."""

    oracle_access: OracleAccess = OracleAccess.none

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, context: RolloutContext) -> str | None:
        """See ``protocols.Scaffold``."""
        return await Conversation(context, self._config.max_problems).finish()


def build(config: Config) -> React:
    """The scaffold."""
    return React(config)
