"""What the simulator takes for granted, held against real commands and real checks."""

import pytest

from tests.models.organism.playing import HOPELESS, configuration
from unhobble.limits import Limits
from unhobble.models import connect
from unhobble.registry import installed
from unhobble.rollout import Equipment, run_rollout
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import ModelSpec, RolloutSpec
from unhobble.vocabulary import PluginKind, Split

pytestmark = pytest.mark.slow

SUITE = installed().build(PluginKind.suite, "builtin/shell")
FORMATS = installed().ids(PluginKind.tool_format)
SPEC = SandboxSpec(backend="bubblewrap")


@pytest.fixture
async def provider():
    provider = installed().build(PluginKind.sandbox, "bubblewrap")
    available = await provider.check()
    if not available.available:
        pytest.fail(f"bubblewrap does not work here: {available.reason}")
    yield provider
    await provider.close()


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: task.id)
async def test_no_task_is_solved_before_its_last_reference_step(provider, task):
    sandbox = await provider.open(SPEC, label=f"unfinished-{task.id}")
    try:
        await task.set_up(sandbox)
        for step in task.reference_steps[:-1]:
            await sandbox.exec(["bash", "-c", step], timeout_s=60, output_bytes=65_536)
        await sandbox.stop_agent()
        assert (await task.scorer.score(sandbox, "")).score == 0
    finally:
        await sandbox.close()


@pytest.mark.parametrize(("traits", "score"), [({}, 1.0), (HOPELESS, 0.0)], ids=["able", "hopeless"])
@pytest.mark.parametrize("tool_format", FORMATS)
async def test_a_rollout_of_an_organism_scores_what_its_traits_decided(provider, tool_format, traits, score):
    model = ModelSpec(id="organism/compliant", params={"traits": traits})
    for seed, task in enumerate(SUITE.tasks[:3]):
        spec = RolloutSpec(
            id=f"{task.id}-{seed}",
            study="s",
            trial=0,
            configuration=configuration(tool_format=tool_format),
            suite=SUITE.id,
            task=task.id,
            split=Split.search,
            epoch=0,
            seed=seed,
            model=model,
            sandbox=SPEC,
            limits=Limits(),
        )
        equipment = Equipment(task=task, model=connect(model), provider=provider, registry=installed())
        result = await run_rollout(spec, equipment)
        assert result.score == score, result.error
        assert result.identity.simulated
