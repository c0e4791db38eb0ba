"""What the simulator takes for granted, held against real commands and real checks."""

import pytest

from tests.models.organism.playing import HOPELESS, configuration
from tests.real_rollouts import SUITE, rollout
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

pytestmark = pytest.mark.slow

FORMATS = installed().ids(PluginKind.tool_format)


@pytest.mark.parametrize(("traits", "score"), [({}, 1.0), (HOPELESS, 0.0)], ids=["able", "hopeless"])
@pytest.mark.parametrize("tool_format", FORMATS)
async def test_a_rollout_of_an_organism_scores_what_its_traits_decided(bubblewrap, tool_format, traits, score):
    for seed, task in enumerate(SUITE.tasks[:3]):
        result = await rollout(bubblewrap, task.id, configuration(tool_format=tool_format), seed=seed, **traits)
        assert result.score == score, result.error
        assert result.identity.simulated
