"""Fixtures that every part of the tests may use."""

import os
from collections.abc import AsyncIterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the console script does; before anything imports NumPy

import pytest

from unhobble.protocols import SandboxProvider
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

_SERVERS = ("docker", "postgres", "ray")
_ONE_BY_ONE = "what shares servers or watches sandboxes"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes test, one of them has all that shares a server, or looks at what sandboxes leave on the machine."""
    for item in items:
        if any(map(item.get_closest_marker, _SERVERS)) or "sandboxes" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group(_ONE_BY_ONE))


@pytest.fixture
async def bubblewrap() -> AsyncIterator[SandboxProvider]:
    """The real backend, with all of its limits; a test that needs it fails where it does not work."""
    provider = installed().build(PluginKind.sandbox, "bubblewrap")
    available = await provider.check()
    if not available.available:
        pytest.fail(f"bubblewrap does not work here: {available.reason}")
    yield provider
    await provider.close()
