import pytest

from tests.models.organism.playing import Spy, configuration, play
from unhobble.errors import AnswerLate, InfrastructureError, ModelError
from unhobble.messages import ModelAnswer, ModelRequest
from unhobble.transcript import CallStep


class FailsLater(Spy):
    """Answers once, then raises ``error``."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def answer(self, request: ModelRequest) -> ModelAnswer:
        if self.requests:
            raise self.error
        return super().answer(request)


async def test_an_answer_that_the_time_limit_cut_off_ends_the_agent_and_not_the_rollout():
    played = await play(FailsLater(AnswerLate("still thinking")), configuration())
    assert any(isinstance(step, CallStep) for step in played.steps)
    assert played.submission is None


async def test_a_provider_that_failed_makes_the_rollout_invalid():
    with pytest.raises(InfrastructureError):
        await play(FailsLater(ModelError("down")), configuration())
