import pytest

from unhobble.errors import InfrastructureError, LimitReached, SandboxError, attributed_to
from unhobble.vocabulary import LimitKind


def test_an_unexpected_exception_becomes_infrastructure_and_names_where_it_happened():
    with (
        pytest.raises(InfrastructureError, match=r"the sandbox failed: ZeroDivisionError: division by zero"),
        attributed_to("the sandbox"),
    ):
        1 / 0  # noqa: B018  # the exception is the point


@pytest.mark.parametrize("escape", [SandboxError("gone"), LimitReached(LimitKind.turns, 3)])
def test_an_escape_of_the_rollout_keeps_its_kind(escape):
    with pytest.raises(type(escape)) as caught, attributed_to("anything"):
        raise escape
    assert caught.value is escape


def test_cancellation_is_not_attributed_to_anybody():
    import asyncio

    with pytest.raises(asyncio.CancelledError), attributed_to("the scaffold"):
        raise asyncio.CancelledError
