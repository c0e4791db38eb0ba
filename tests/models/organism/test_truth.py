import pytest

from tests.models.organism.playing import HOPELESS, OTHER, SURE, TASK, Spy, configuration, play, traits
from unhobble.limits import Limits
from unhobble.models.organism.traits import load_traits
from unhobble.models.organism.truth import Simulator, StandInSandbox
from unhobble.registry import installed
from unhobble.spec import rollout_seed
from unhobble.tasks.rehearsal import Rehearsal, StepSeen
from unhobble.vocabulary import PluginKind

TASKS = [TASK, OTHER]


@pytest.mark.slow
async def test_a_simulated_rollout_is_the_rollout():
    shaky = {"ability": 1.0, "default_fluency": 0.8, "early_stop": 0.05}
    simulator = Simulator(traits(**shaky), TASKS)
    for scaffold in installed().ids(PluginKind.scaffold):
        chosen = configuration(scaffold=scaffold)
        for epoch in range(20):
            seed = rollout_seed(5, chosen, TASK.id, epoch)
            played = await play(Spy(**SURE | shaky), chosen, seed=seed)
            assert simulator.simulate(chosen, TASK, epoch=epoch, seed=5) == float(played.solved)


def test_the_truth_of_the_certain_is_certain():
    assert Simulator(traits(**SURE), TASKS).true_success(configuration(), epochs=3).mean == 1.0
    truth = Simulator(traits(**HOPELESS), TASKS).true_success(configuration(), epochs=3)
    assert (truth.mean, truth.standard_error, truth.rollouts) == (0.0, 0.0, 6)


def test_the_mean_of_two_seeds_agrees_within_its_standard_error():
    simulator = Simulator(traits(ability=1.0, slope=0.3), TASKS)
    one, two = (simulator.true_success(configuration(), epochs=150, seed=seed) for seed in (1, 2))
    assert one.mean != two.mean
    assert abs(one.mean - two.mean) < 4 * (one.standard_error**2 + two.standard_error**2) ** 0.5
    assert one == simulator.true_success(configuration(), epochs=150, seed=1)


def test_too_few_turns_leave_the_work_undone():
    enough = len(TASK.reference_steps)
    for turns, mean in ((enough - 1, 0.0), (enough, 1.0)):
        truth = Simulator(traits(), [TASK], limits=Limits(turns=turns)).true_success(configuration(), epochs=2)
        assert truth.mean == mean
    assert Simulator(traits(), [TASK]).true_success(configuration(limits__turns=1), epochs=2).mean == 0.0


async def test_the_stand_in_counts_steps_in_order_and_goes_back_to_its_snapshots():
    sandbox = StandInSandbox(["a", "b"])

    async def bash(command: str) -> None:
        await sandbox.exec(["bash", "-c", command], timeout_s=1, output_bytes=1)

    await bash("b")
    await bash("a")
    begun = await sandbox.snapshot()
    await bash("b")
    assert sandbox.solved
    await sandbox.restore(begun)
    assert not sandbox.solved
    await bash("b")
    assert sandbox.solved


def seen(score: float, without: float, *, changes: bool = True) -> StepSeen:
    """A step of a rehearsal; its visible score is the same as the hidden one."""
    return StepSeen(
        exit_code=0,
        stdout_characters=3,
        stderr_characters=0,
        score=score,
        visible=score,
        without=without,
        visible_without=without,
        changes_files=changes,
    )


def look_and_three_stages() -> StandInSandbox:
    """The first step only looks; the last of three stages needs the second."""
    steps = (seen(0.0, 1.0, changes=False), seen(0.25, 0.75), seen(0.5, 0.25), seen(1.0, 0.5))
    return StandInSandbox(["a", "b", "c", "d"], Rehearsal(task="t", start=0.0, start_visible=0.0, steps=steps))


@pytest.mark.parametrize(
    ("commands", "score"),
    [
        ("abcd", 1.0),
        ("bcd", 1.0),  # nothing is lost with a look
        ("acd", 0.75),
        ("abd", 0.25),
        ("ac", 0.25),
        ("ad", 0.0),
        ("abdabcd", 1.0),  # begun again, and done in full
        ("abdabc", 1.0),
        ("abcabd", 1.0),  # what was done once is not missed in a second pass
    ],
)
async def test_a_step_that_was_passed_over_costs_what_the_rehearsal_says(commands, score):
    sandbox = look_and_three_stages()
    for command in commands:
        await sandbox.exec(["bash", "-c", command], timeout_s=1, output_bytes=1)
    assert sandbox.score == sandbox.visible == score


async def test_what_changes_no_files_leaves_no_trace_in_the_stand_in():
    digests = []
    for commands in ("", "a", "ab", "b", "abc"):
        sandbox = look_and_three_stages()
        for command in commands:
            await sandbox.exec(["bash", "-c", command], timeout_s=1, output_bytes=1)
        digests.append((await sandbox.read_directory("/work", max_bytes=1, max_files=1))[0].data)
    assert digests[0] == digests[1] != digests[2] == digests[3] != digests[4]


@pytest.fixture(scope="module")
def shell():
    return installed().build(PluginKind.suite, "builtin/shell").tasks


def test_the_format_bound_organism_is_weak_by_default_and_strong_in_its_own_format(shell):
    simulator = Simulator(load_traits("format-bound"), shell)
    hobbled = simulator.true_success(configuration(tool_format="native"), epochs=4).mean
    elicited = simulator.true_success(configuration(tool_format="xml_tags"), epochs=4).mean
    assert hobbled < 0.4
    assert elicited > hobbled + 0.35


def test_the_plan_bound_organism_needs_a_scaffold_that_plans(shell):
    simulator = Simulator(load_traits("plan-bound"), shell)
    unplanned = simulator.true_success(configuration(scaffold="react"), epochs=4).mean
    assert simulator.true_success(configuration(scaffold="plan_execute"), epochs=4).mean > unplanned + 0.3


@pytest.mark.slow
def test_the_compliant_organism_solves_nearly_everything(shell):
    simulator = Simulator(load_traits("compliant"), shell)
    for tool_format in installed().ids(PluginKind.tool_format):
        assert simulator.true_success(configuration(tool_format=tool_format), epochs=2).mean > 0.98


@pytest.mark.slow
def test_a_search_that_goes_by_a_visible_score_sees_in_the_simulator_what_it_sees_in_a_sandbox(shell):
    scored = [task for task in shell if task.visible is not None]
    blind = traits(ability=0.0, rating_skill=0.0)
    simulator = Simulator(blind, scored)
    by_itself = simulator.true_success(configuration(scaffold="aide", scaffold__metric="self"), epochs=8).mean
    by_score = simulator.true_success(configuration(scaffold="aide", scaffold__metric="visible"), epochs=8).mean
    assert by_score > by_itself + 0.2
