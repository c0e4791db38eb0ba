"""What is believed of any configuration, after the rollouts of any strategy."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from search_spaces.space import Space
from service.search import forecast as module
from service.search.forecast import Forecast, forecast
from service.search.foresight import Foresight
from service.search.problem import SearchProblem
from tests.playing import TASKS, build, play, problem
from tests.service.search.forecasting import registry_in
from unhobble.configuration import Configuration
from unhobble.records import Outcome
from unhobble.registry import installed
from unhobble.tracks import PLAIN, Track, track_of
from unhobble.vocabulary import PluginKind


def chance(configuration: Configuration) -> float:
    return 0.15 + 0.5 * (configuration.root["tool_format"] == "xml_tags") + 0.2 * (configuration.root["scaffold"] == "best_of_n")


def lucky(configuration: Configuration, task: str, epoch: int) -> float:
    return float(random.Random(f"{configuration.hash} {task} {epoch}").random() < chance(configuration))


def searched(
    strategy: str = "random", *, rollouts: int = 300, at: SearchProblem | None = None
) -> tuple[SearchProblem, list[Outcome]]:
    where = at or problem("default", rollouts=rollouts)
    return where, play(build(strategy, where), lucky).outcomes


@pytest.fixture(scope="module")
def known() -> Forecast:
    found = forecast(*searched())
    assert found is not None
    return found


def strangers(found: Forecast, count: int = 60) -> list[Configuration]:
    draw = random.Random(7)
    return [one for one in (found.problem.space.sample(draw) for _ in range(2 * count)) if one not in found.tried][:count]


def test_what_is_believed_of_configurations_that_were_never_tried_is_near_the_truth_and_does_not_claim_too_much(known):
    held, agreement = [], []
    for seed in range(4):
        found = known if seed == 0 else forecast(*searched(at=problem("default", rollouts=300, seed=seed)))
        predictions = found.predict(strangers(found))
        truths = [chance(one.configuration) for one in predictions]
        held += [one.low <= truth <= one.high for one, truth in zip(predictions, truths, strict=True)]
        agreement.append(np.corrcoef([one.mean for one in predictions], truths)[0, 1])
        assert all(one.low < one.mean < one.high for one in predictions)
    assert sum(held) > 0.8 * len(held)
    assert np.mean(agreement) > 0.6


def test_a_prediction_is_the_same_whichever_others_are_asked_for_with_it(known):
    some = [*strangers(known, 5), next(iter(known.tried))]
    assert [known.predict([one])[0] for one in some] == known.predict(some) == known.predict(some[::-1])[::-1]


def test_draws_have_the_mean_and_the_spread_that_the_belief_has(known):
    for configuration in (*strangers(known, 3), *list(known.tried)[:3]):
        row = known._row.get(configuration, -1)
        places = known.evidence.encoding.places([configuration])
        f, tau = known.belief.draws(places, [row], 20_000, np.random.default_rng(1))
        rates = module.success(f, tau)[0]
        one = known.predict([configuration])[0]
        assert one.mean == pytest.approx(rates.mean(), abs=0.01)
        assert (one.low, one.high) == pytest.approx(np.quantile(rates, [0.05, 0.95]), abs=0.02)


def test_it_is_said_what_was_tried_and_how_often(known):
    tried, new = next(iter(known.tried)), strangers(known, 1)[0]
    here, there = known.predict([tried, new])
    assert (here.tried, here.trial, here.rollouts) == (True, known.tried[tried].trial, known.tried[tried].rollouts)
    assert (there.tried, there.trial, there.rollouts) == (False, None, 0)
    assert sum(one.rollouts for one in known.tried.values()) == known.rollouts == 300


def test_each_is_set_against_what_is_recommended(known):
    ranked = sorted(known.tried, key=lambda one: known.predict([one])[0].mean)
    worst, best = ranked[0], ranked[-1]
    against_worst, against_best = (known.predict([worst, best], {PLAIN: one}) for one in (worst, best))
    assert [one.better_than for one in against_worst] == [known.tried[worst].trial] * 2
    assert [one.probability_better for one in against_best][1] == 0
    assert against_worst[1].probability_better > 0.95
    assert against_best[0].probability_better < 0.05


def test_without_a_recommendation_it_is_set_against_what_the_model_believes_the_best_of_those_tried(known):
    predictions = known.predict(list(known.tried))
    assert {one.better_than for one in predictions} == {max(predictions, key=lambda one: one.mean).trial}


def test_no_configuration_is_set_against_one_of_another_track():
    hints = {
        "extends": "quick",
        "dimensions": {"advantage.hints": {"choice": [False, True]}},
        "baseline": {"advantage.hints": False},
    }
    space = Space.load(hints, installed())
    where = SearchProblem(
        space=space, tasks=TASKS, baseline=space.baseline, seed=0, rollouts=80, track_of=lambda one: track_of(one, installed())
    )
    outcomes = play(build("random", where), lambda one, task, epoch: float(one.root["advantage.hints"])).outcomes
    found = forecast(where, outcomes)
    tried = {outcome.trial: outcome.configuration for outcome in outcomes}
    for one in found.predict(list(tried.values())):
        assert tried[one.better_than].root["advantage.hints"] == one.configuration.root["advantage.hints"]
    plain = [outcome for outcome in outcomes if not outcome.configuration.root["advantage.hints"]]
    (alone,) = forecast(where, plain).predict([next(one for one in tried.values() if one.root["advantage.hints"])])
    assert (alone.better_than, alone.probability_better, alone.track) == (None, None, Track(advantage=True))


def test_nothing_is_believed_where_nothing_has_a_score():
    where, outcomes = searched(rollouts=20)
    assert forecast(where, []) is None
    assert forecast(where, [outcome.model_copy(update={"score": None}) for outcome in outcomes]) is None
    assert forecast(where, [outcome.model_copy(update={"task": "of another suite"}) for outcome in outcomes]) is None
    assert forecast(where, outcomes[:1]).rollouts == 1


def test_partial_scores_count_as_their_share():
    where, outcomes = searched(rollouts=100)
    halves = forecast(where, [outcome.model_copy(update={"score": 0.5}) for outcome in outcomes])
    assert halves.predict([where.baseline])[0].mean == pytest.approx(0.5, abs=0.1)


def test_of_too_many_configurations_the_most_tried_and_those_to_keep_are_used(monkeypatch, known):
    monkeypatch.setattr(module, "_MOST", 10)
    where, outcomes = searched()
    rare = min(known.tried, key=lambda one: known.tried[one].rollouts)
    found = forecast(where, outcomes, [rare])
    assert len(found.evidence.configurations) == 10
    assert rare in found.evidence.configurations
    most = max(known.tried, key=lambda one: known.tried[one].rollouts)
    assert most in found.evidence.configurations
    left_out = next(one for one in known.tried if one not in found.evidence.configurations)
    assert found.predict([left_out])[0].rollouts == known.tried[left_out].rollouts
    assert found.rollouts < known.rollouts


def test_a_space_of_one_configuration_is_no_special_case():
    only = {"extends": "quick", "fix": {"prompt": "plain", "tool_format": "native", "limits.turns": 16}}
    where = problem(only, rollouts=30)
    assert where.space.size() == 1
    where, outcomes = searched("grid", at=where)
    found = forecast(where, outcomes)
    assert found.predict([where.baseline])[0].probability_better == 0
    assert found.outlook(where.baseline, PLAIN).probability_beaten(0.0) == 0


# --- the whole space ------------------------------------------------------------------------------------------------------
def looked(
    strategy: str, outcomes: Sequence[Outcome], at: SearchProblem, foresight: Foresight | None = None, *, final: bool = True
):
    replayed = build(strategy, at)
    for number, configuration in {outcome.trial: outcome.configuration for outcome in outcomes}.items():
        replayed.adopt(number, configuration)
    for outcome in outcomes:
        replayed.record(outcome)
    return replayed, (foresight or Foresight(at, strategy)).outlooks(replayed, outcomes, [PLAIN], final=final)


@pytest.mark.parametrize("strategy", ["random", "tpe", "halving", "pooled"])
def test_whatever_the_strategy_there_is_an_upper_limit_that_says_whose_it_is(strategy):
    where, outcomes = searched(strategy, rollouts=200)
    replayed, found = looked(strategy, outcomes, where)
    outlook = found[PLAIN]
    assert outlook.low <= outlook.maximum <= outlook.high <= outlook.upper_limit <= 1
    assert outlook.upper_limit >= 0.8  # the best of the space has 0.85
    assert (outlook.model, outlook.strategy, outlook.rollouts) == ("pooled", strategy, 200)
    assert outlook.recommended == replayed.recommend(1)[0].trial
    assert outlook.who.startswith("the model of the strategy pooled" if strategy == "pooled" else "the model of pooled, over")
    assert [share for share, _ in outlook.gains] == [0.1, 1, 3, 9]
    assert next(effect.dimensions for effect in outlook.effects if effect.dimensions) == ("tool_format",)
    everything = sum(effect.share for effect in outlook.effects) + outlook.share_left_out
    assert everything == pytest.approx(1, abs=0.01)


def test_a_strategy_that_forecasts_is_asked_itself(tmp_path):
    where = problem("tool-formats", rollouts=60)
    strategy = registry_in(tmp_path).build(PluginKind.strategy, "forecasting", {}, where)
    outcomes = play(strategy, lucky).outcomes
    outlook = Foresight(where, "forecasting").outlooks(strategy, outcomes, [PLAIN], final=True)[PLAIN]
    said = strategy.outlook()
    assert (outlook.model, outlook.upper_limit, outlook.maximum) == ("forecasting", said.upper_limit, said.maximum)
    assert outlook.probability_beaten == said.probability_beaten(outlook.beaten_by)


def test_while_a_search_goes_on_it_is_looked_out_where_much_was_learned_since_and_at_the_end_always():
    where, outcomes = searched(rollouts=100)
    foresight = Foresight(where, "random")

    def rollouts(count: int, *, final: bool) -> int | None:
        _, found = looked("random", outcomes[:count], where, foresight, final=final)
        return found[PLAIN].rollouts if found else None

    assert [rollouts(count, final=False) for count in (10, 40, 59, 60, 80)] == [None, 40, 40, 60, 60]
    assert rollouts(80, final=True) == 80
    assert rollouts(0, final=True) is None


def test_no_study_fails_because_nothing_could_be_computed(monkeypatch):
    def singular(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("no root")

    where, outcomes = searched(rollouts=40)
    monkeypatch.setattr(module, "look_out", singular)
    assert looked("random", outcomes, where)[1] == {}
    monkeypatch.setattr(module, "believe", singular)
    assert looked("random", outcomes, where)[1] == {}
