"""Fixtures of the tests of models."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.models.scripted_provider import ScriptedProvider, scripted_provider
from unhobble.spec import ModelSpec


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with scripted_provider() as provider:
        yield provider


@pytest.fixture
async def connect_to(provider: ScriptedProvider) -> AsyncIterator[Callable[..., Any]]:
    """Makes litellm clients of ``provider`` with short waits, and closes them in the end."""
    from unhobble.models.litellm_client import LitellmClient

    made: list[LitellmClient] = []

    def make(**changes: Any) -> LitellmClient:
        spec = ModelSpec.model_validate({"id": "openai/hidden-model", "api_base": provider.api_base} | changes)
        made.append(LitellmClient(spec, first_wait_s=0.01))
        return made[-1]

    yield make
    for client in made:
        await client.close()
