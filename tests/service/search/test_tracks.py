"""With and without advantage in one study: the search learns from both, and nothing ranks the one with the other."""

import asyncio
import random
from collections import Counter

import pytest

from search_spaces.space import Space
from service.db import open_store
from service.exports import BestConfiguration
from service.plan import plan_study
from service.search.confirmation import Confirmation
from service.search.trials import TrialLedger, recommend
from service.studies import Studies
from tests.playing import TASKS, build, play
from tests.service.search.test_loop import RulePool, finished, run, scored, study_spec
from tests.service.search.test_loop import store as store  # noqa: PLC0414  # the fixture
from tests.service.test_advantage_door import space
from unhobble.analysis.power import plan_confirmation
from unhobble.analysis.report import Findings
from unhobble.configuration import Configuration
from unhobble.errors import NotFound
from unhobble.messages import Usage
from unhobble.records import Outcome
from unhobble.registry import installed
from unhobble.results import Identity, Spend
from unhobble.spec import RolloutSpec
from unhobble.tracks import PLAIN, Track, track_of
from unhobble.vocabulary import OracleAccess, Phase, Split, TrialState

CHANCE = {"xml_tags": 0.8, "json_fence": 0.5, "react_text": 0.4, "native": 0.25}
ATTEMPTS = Track(advantage=True, oracle_access=OracleAccess.true_scorer)
ADVANTAGE = Track(advantage=True)
SPACE = space(
    tool_format=["native", "xml_tags"],
    advantage__variant=["none", "able"],
    advantage__attempts=[1, 3],
)
MODEL = {"id": "organism/format-bound", "variants": {"able": {"id": "organism/compliant"}}}


def spec_with(**changes):
    given = {"model": MODEL, "space": SPACE, "budget": {"rollouts": 300}, "search": {"strategy": "random", "finalists": 2}}
    return study_spec(**(given | changes))


def advantage_is_all(spec: RolloutSpec):
    """Whoever has an advantage passes; without one, xml_tags passes every other task. Each model answers by a name of its own."""
    half = spec.configuration.root["tool_format"] == "xml_tags" and len(spec.task) % 2 == 0
    result = scored(spec, 1.0 if spec.configuration.advantage.declared else float(half))
    identity = Identity(asked=spec.model.id, answered=(f"{spec.model.id}-1",), fingerprints=(f"fp of {spec.model.id}",))
    return result.model_copy(update={"identity": identity})


def found(store, study) -> Findings:
    return Findings.model_validate(store.study(study).report)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study that was run to its end: its store and its id."""
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('tracks') / 'unhobble.db'}") as opened:
        study = opened.create_study(spec_with()).id
        asyncio.run(run(opened, study, RulePool(advantage_is_all)))
        yield opened, study


@pytest.mark.slow
def test_the_headline_is_without_advantage_and_each_other_track_is_confirmed_beside_it(whole):
    store, study = whole
    confirmed = found(store, study).confirmed
    assert confirmed.track == PLAIN
    assert not any(arm.advantage for arm in (confirmed.baseline, *confirmed.finalists))
    assert confirmed.best.configuration.root["tool_format"] == "xml_tags"
    assert 0 < confirmed.best.rate.mean < 1
    assert {other.track: other.best.rate.mean for other in confirmed.others} == {ADVANTAGE: 1.0, ATTEMPTS: 1.0}
    assert all(other.best.advantage and other.baseline == confirmed.baseline for other in confirmed.others)
    assert confirmed.left_out == ()


@pytest.mark.slow
def test_all_arms_of_all_tracks_meet_on_the_same_held_out_cells(whole):
    store, study = whole
    cells = Counter((r.task, r.epoch) for r in finished(store, study, split=Split.held_out))
    confirmed = found(store, study).confirmed
    assert set(cells.values()) == {1 + len(confirmed.finalists) + len(confirmed.others)}


@pytest.mark.slow
def test_what_is_believed_before_the_end_is_told_apart_too(whole):
    store, study = whole
    seen = found(store, study)
    assert not seen.best_so_far.configuration.advantage.declared
    assert {other.track for other in seen.others} == {ADVANTAGE, ATTEMPTS}
    assert all(other.best_so_far.configuration.advantage.declared for other in seen.others)
    assert all(other.best_so_far.mean > seen.best_so_far.mean for other in seen.others)
    rollouts = seen.search_failures.rollouts + sum(other.search_failures.rollouts for other in seen.others)
    assert rollouts == len(finished(store, study, split=Split.search))


@pytest.mark.slow
async def test_where_the_held_out_budget_does_not_reach_for_all_the_headline_comes_first_and_the_rest_is_said(store):
    study = store.create_study(spec_with(search={"strategy": "random", "confirm_fraction": 0.1})).id
    await run(store, study, RulePool(advantage_is_all))
    record, seen = store.study(study), found(store, study)
    assert record.phase is Phase.completed
    assert seen.confirmed.best.configuration.root["tool_format"] == "xml_tags"
    assert seen.confirmed.others == ()
    assert {left.track for left in seen.confirmed.left_out} == {ADVANTAGE, ATTEMPTS}
    assert sum("did not reach to confirm" in caveat for caveat in seen.caveats) == len(seen.confirmed.left_out)
    assert record.progress.rollouts_finished <= 300


@pytest.mark.slow
async def test_a_study_that_was_killed_while_it_confirmed_goes_on_with_the_same_arms(store, whole):
    study = store.create_study(spec_with()).id
    searched = len(finished(*whole, split=Split.search))
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, RulePool(advantage_is_all, die_after=searched + 20))
    await run(store, study, RulePool(advantage_is_all), owner="the next")
    assert found(store, study).confirmed == found(*whole).confirmed


@pytest.mark.slow
async def test_a_rollout_asks_the_variant_of_its_configuration_within_multiplied_limits(store):
    varied = space(advantage__variant=["none", "able"], advantage__budget_multiple=[1, 2])
    study = store.create_study(spec_with(space=varied, limits={"turns": 10, "tokens": 1_000})).id
    pool = RulePool(advantage_is_all)
    await run(store, study, pool)
    asked = {
        (spec.configuration.advantage.variant, spec.configuration.advantage.budget_multiple): (
            *(spec.model.id, spec.limits.turns, spec.limits.tokens),
        )
        for spec in pool.submitted
    }
    assert asked == {
        ("none", 1): ("organism/format-bound", 10, 1_000),
        ("able", 1): ("organism/compliant", 10, 1_000),
        ("none", 2): ("organism/format-bound", 20, 2_000),
        ("able", 2): ("organism/compliant", 20, 2_000),
    }


async def test_the_reservation_of_a_rollout_covers_all_of_its_attempts_so_that_the_ceiling_holds(store):
    """Whoever may, uses every token of every attempt; the ceiling lets 10 attempts through."""

    def spends_all(spec: RolloutSpec):
        used = spec.limits.tokens * spec.configuration.advantage.attempts
        return scored(spec, 0.0).model_copy(update={"spend": Spend(model_calls=1, usage=Usage(input_tokens=used))})

    varied = space(advantage__attempts=[1, 3])
    study = store.create_study(spec_with(space=varied, limits={"tokens": 1_000}, budget={"rollouts": 300, "tokens": 41_000})).id
    pool = RulePool(spends_all)
    await run(store, study, pool)
    spent = store.study(study).progress.spend.usage.total
    assert any(spec.configuration.advantage.attempts == 3 for spec in pool.submitted)
    assert 35_000 < spent <= 41_000


@pytest.mark.slow
def test_the_identity_of_each_variant_is_kept_apart(whole):
    store, study = whole
    seen = found(store, study)
    assert (seen.model.answered, seen.model.changed) == (("organism/format-bound-1",), False)
    assert (seen.variants["able"].answered, seen.variants["able"].changed) == (("organism/compliant-1",), False)
    assert not any("CHANGED" in caveat for caveat in seen.caveats)


@pytest.mark.slow
def test_the_headline_is_exported_and_another_track_where_it_is_named(whole):
    store, study = whole
    studies = Studies(store, installed())
    best, apart = studies.best(study), studies.best(study, "with-advantage")
    assert (best.track, best.advantage, best.answered) == (PLAIN, (), ("organism/format-bound-1",))
    assert (apart.track, apart.advantage) == (ADVANTAGE, ("the model variant able",))
    assert (apart.asked.id, apart.answered) == ("organism/compliant", ("organism/compliant-1",))
    assert "WITH EVALUATOR ADVANTAGE: the model variant able" in apart.to_yaml()
    assert "ADVANTAGE" not in best.to_yaml().partition("\nformat")[0]
    assert BestConfiguration.read(apart.to_yaml()) == apart
    assert studies.best(study, "with-advantage-t").track == ATTEMPTS
    with pytest.raises(NotFound, match="without-advantage, with-advantage, with-advantage-true-scorer"):
        studies.best(study, "wi")


# --- the strategy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_a_strategy_recommends_within_a_track_and_by_default_within_the_baseline_s(name):
    plan = plan_study(spec_with(search={"strategy": name}), installed())
    strategy = plan.strategy(installed())
    play(strategy, lambda configuration, *_: float(bool(configuration.advantage.declared)))
    for track in (PLAIN, ADVANTAGE, ATTEMPTS):
        of_track = strategy.recommend(50, track)
        assert of_track
        assert {track_of(r.configuration, installed()) for r in of_track} == {track}
        assert sum(r.probability_best for r in of_track) == pytest.approx(1)
    assert strategy.recommend() == strategy.recommend(1, PLAIN)
    assert strategy.recommend(1, Track(oracle_access=OracleAccess.visible_score)) == []


def test_no_trial_is_dropped_for_being_worse_than_one_with_advantage():
    """Without advantage every configuration is equally good, so none of them can be clearly worse within its track."""
    for seed in range(3):
        spec = spec_with(search={"strategy": "random", "seed": seed})
        strategy = plan_study(spec, installed()).strategy(installed())
        dropped, told = [], 0
        while requests := strategy.propose(1):
            (request,) = requests
            given = bool(request.configuration.advantage.declared)
            strategy.record(Outcome(**dict(request), score=float(given)))
            told += not given
            if not given and strategy.trial_state(request.trial) is TrialState.pruned:
                dropped.append(request.trial)
        assert told > 2 * 19
        assert dropped == []


def test_the_last_part_of_the_budget_goes_to_contenders_of_the_headline_too():
    options = {"contenders": 1, "contenders_fraction": 0.85}
    strategy = plan_study(spec_with(search={"strategy": "random", "options": options}), installed()).strategy(installed())
    done = play(strategy, lambda configuration, *_: float(bool(configuration.advantage.declared)))
    last = Counter(track_of(r.configuration, installed()) for r in done.requests[-len(done.requests) // 2 :])
    assert last[PLAIN] >= sum(last.values()) / 3


def test_what_is_believed_of_a_trial_is_the_same_whichever_track_is_asked_for():
    trials = [
        TrialLedger(n, Configuration({"a": n}), 4, track, scores={("t", e): float(e < wins) for e in range(4)})
        for n, (track, wins) in enumerate([(PLAIN, 1), (ADVANTAGE, 4), (PLAIN, 2)])
    ]
    plain, apart = recommend(trials, 3, 0, PLAIN), recommend(trials, 3, 0, ADVANTAGE)
    pooled = recommend([TrialLedger(t.number, t.configuration, 4, scores=t.scores) for t in trials], 3, 0, PLAIN)
    assert [r.trial for r in plain] == [2, 0]
    assert [r.trial for r in apart] == [1]
    assert {r.trial: r.mean for r in (*plain, *apart)} == {r.trial: r.mean for r in pooled}


@pytest.mark.slow
def test_an_advantage_in_the_space_does_not_leave_the_headline_without_a_search():
    """The headline's truth is 0.8 with xml_tags and at most 0.5 without; any advantage looks better than most of that.

    Four fixed seeds are a regression test and no estimate. Left to itself TPE missed three of these.
    """
    document = Space.load({"extends": "default", "without": {"tool_format": ["hermes"]}}, installed()).document()
    document["dimensions"] |= {"advantage.attempts": {"choice": [1, 3]}, "advantage.hints": {"choice": [False, True]}}
    document["baseline"] |= {"advantage.attempts": 1, "advantage.hints": False}

    def chance(configuration: Configuration) -> float:
        advantage, alone = configuration.advantage, CHANCE[str(configuration.root["tool_format"])]
        once = (1 + alone) / 2 if advantage.hints else alone
        return 1 - (1 - once) ** advantage.attempts

    missed = []
    for seed in range(4):
        spec = spec_with(space=document, budget={"rollouts": 430}, search={"strategy": "tpe", "seed": seed})
        strategy, rng = plan_study(spec, installed()).strategy(installed()), random.Random(seed)
        play(strategy, lambda configuration, *_: float(rng.random() < chance(configuration)))  # noqa: B023  # played at once
        best = strategy.recommend()[0].configuration
        if chance(best) < 0.8:
            missed.append((seed, best.root))
    assert len(missed) <= 1, missed


def test_a_strategy_that_is_told_of_no_tracks_ranks_all_together():
    from tests.playing import problem

    strategy = build("random", problem("tool-formats", rollouts=40))
    play(strategy, lambda *_: 1.0)
    assert len(strategy.recommend(50)) > 1


# --- the confirmation -----------------------------------------------------------------------------------------------------
def arms(*numbers: int):
    return [(number, Configuration({"a": number})) for number in numbers]


def confirmation(finalists, rollouts: int) -> Confirmation:
    """As much as ``rollouts`` allow, of all finalists if they do."""
    others = sum(number != 0 for of_track in finalists.values() for number, _ in of_track)
    plan = plan_confirmation(
        effect=0.2, power=0.8, tasks=len(TASKS), arms=1 + others, attempts=1, most=rollouts, otherwise=rollouts, fixed=True
    )
    return Confirmation(arms(0)[0], finalists, TASKS, plan, rollouts=rollouts, seed=0)


@pytest.mark.parametrize(
    ("rollouts", "kept", "left_out", "epochs"),
    [
        (1_000, {PLAIN: [0, 1, 2], ADVANTAGE: [3], ATTEMPTS: [4]}, [], 20),
        (40, {PLAIN: [0, 1, 2], ADVANTAGE: [3]}, [4], 1),
        (30, {PLAIN: [0, 1, 2]}, [3, 4], 1),
        (20, {PLAIN: [0, 1]}, [2, 3, 4], 1),
        (5, {PLAIN: [0, 1]}, [2, 3, 4], 1),
    ],
)
def test_the_last_finalists_of_the_last_tracks_are_left_out_first(rollouts, kept, left_out, epochs):
    finalists = {PLAIN: arms(1, 0, 2), ADVANTAGE: arms(3), ATTEMPTS: arms(4)}
    made = confirmation(finalists, rollouts)
    assert {track: [number for number, _ in of_track] for track, of_track in made.arms.items()} == kept
    assert [number for _, (number, _) in made.left_out] == left_out
    assert made.epochs == epochs


def test_the_headline_is_played_before_what_has_an_advantage():
    made = confirmation({PLAIN: arms(1), ADVANTAGE: arms(2)}, 60)
    order = [request.trial for request in made.propose(1_000)]
    assert order == [0, 1] * 20 + [2] * 20
    again = confirmation({PLAIN: arms(1), ADVANTAGE: arms(2)}, 60)
    first = made.arms[PLAIN][0]
    again.record(Outcome(trial=0, configuration=first[1], task=TASKS[0].id, epoch=0, score=1.0))
    assert len(again.propose(1_000)) == 59
