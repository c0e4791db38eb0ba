"""How `make bench-search` lets a strategy search: the budget, what is under way, and what is read off."""

import pytest

from benchmarks.search.contenders import contender
from benchmarks.search.peers.miprov2_like import MiproV2Like
from benchmarks.search.play import play, problem
from benchmarks.search.plays import Job, carry_out, surface_of
from service.search.problem import SearchProblem
from tests.playing import is_xml
from tests.playing import play as play_in_order
from tests.playing import problem as problem_of_a_preset
from unhobble.records import Outlook, Recommendation, RolloutRequest

SMALL = "tests/benchmarks/search/small.py:Small"


class Counting:
    """Tries the first configurations of a space in turn, and counts what is under way."""

    def __init__(self, at: SearchProblem, *, most: int = 1_000, too_many: int = 0) -> None:
        self.configurations = [one for one, _ in zip(at.space.enumerate(), range(4), strict=False)]
        self.tasks = [task.id for task in at.tasks]
        self.most, self.too_many = most, too_many
        self.asked = self.told = self.peak = 0
        self.order: list[int] = []

    def propose(self, n):
        requests = []
        for _ in range(min(n + self.too_many, self.most - self.asked)):
            trial, rest = self.asked % 4, self.asked // 4
            epoch, task = divmod(rest, len(self.tasks))
            configuration = self.configurations[trial]
            requests.append(RolloutRequest(trial=trial, configuration=configuration, task=self.tasks[task], epoch=epoch))
            self.asked += 1
        self.peak = max(self.peak, self.asked - self.told)
        return requests

    def record(self, outcome):
        self.told += 1
        self.order.append(outcome.trial)
        assert outcome.score in {0.0, 1.0}

    def recommend(self, n=1, track=None):
        configuration = self.configurations[3]
        belief = {"mean": 0.5, "low": 0.4, "high": 0.6, "probability_best": 1.0}
        return [Recommendation(trial=3, configuration=configuration, rollouts=self.told, **belief)] if self.told else []

    def outlook(self, track=None):
        return Outlook(maximum=0.8, maximum_low=0.7, maximum_high=0.9, upper_limit=0.85, shortfalls=(0.0,), gains=())


def played(strategy_of=Counting, budgets=(10, 30), in_flight=7, seed=0, **options):
    surface = surface_of(SMALL, seed)
    strategy = strategy_of(problem(surface, seed=seed, rollouts=max(budgets)), **options)
    return strategy, play(strategy, surface, name="small", seed=seed, budgets=budgets, in_flight=in_flight)


@pytest.mark.parametrize("in_flight", [1, 7, 64])
def test_the_budget_is_spent_exactly_and_never_more_is_under_way_than_allowed(in_flight):
    strategy, readings = played(in_flight=in_flight)
    assert (strategy.asked, strategy.told) == (30, 30)
    assert strategy.peak == min(in_flight, 30)
    assert [(one.budget, one.rollouts) for one in readings] == [(10, 10), (30, 30)]


def test_rollouts_end_in_another_order_than_they_began_unless_there_is_one_at_a_time():
    in_turn = [number % 4 for number in range(30)]
    assert played(in_flight=1)[0].order == in_turn
    assert played(in_flight=30)[0].order != in_turn


def test_what_is_read_off_is_held_against_the_truth():
    _, readings = played()
    last = readings[-1]
    assert last.success == pytest.approx(0.8)  # xml, often, 4 attempts: the fourth of the space
    assert last.regret == pytest.approx(0.0)
    assert (last.claimed, last.low, last.high, last.upper_limit, last.configurations) == (0.5, 0.4, 0.6, 0.85, 4)
    assert last.cpu_s >= readings[0].cpu_s >= 0


def test_a_strategy_that_wants_nothing_more_answers_the_rest_from_what_it_has():
    _, readings = played(most=12)
    assert [one.rollouts for one in readings] == [10, 12]


def test_who_recommends_nothing_is_held_to_the_baseline():
    _, readings = played(most=0)
    assert readings[0].claimed is None
    assert readings[0].success == pytest.approx(0.2)


def test_proposing_more_than_was_asked_for_is_an_error():
    with pytest.raises(ValueError, match="8 rollouts were proposed where 7"):
        played(too_many=1)


def test_the_same_seed_gives_the_same_play_and_another_does_not():
    def readings(seed):
        done = carry_out(Job("random", SMALL, seed, 16, (20, 40)))
        return [one.model_dump(exclude={"cpu_s", "answer_cpu_s"}) for one in done.readings]

    assert readings(0) == readings(0) != readings(1)


def test_a_configuration_succeeds_as_often_as_the_truth_says():
    surface = surface_of(SMALL, 0)
    scores = []

    class Watching(Counting):
        def record(self, outcome):
            super().record(outcome)
            scores.append((outcome.trial, outcome.score))

    played(Watching, budgets=[4_000], most=4_000)
    for trial, configuration in enumerate(Counting(problem(surface, seed=0, rollouts=1)).configurations):
        own = [score for of, score in scores if of == trial]
        assert sum(own) / len(own) == pytest.approx(surface.success(configuration), abs=0.06)  # four standard errors


def test_the_minibatch_peer_keeps_to_its_budget_and_recommends_what_had_every_task():
    at = problem_of_a_preset("tool-formats", rollouts=250)
    done = play_in_order(MiproV2Like(at), is_xml, at_once=5)
    assert len(done.requests) == 250
    keys = [(one.trial, one.task, one.epoch) for one in done.requests]
    assert len(set(keys)) == len(keys)
    assert all(at.space.contains(one.configuration) == [] for one in done.requests)


def test_the_minibatch_peer_finds_a_clear_difference():
    peer = MiproV2Like(problem_of_a_preset("tool-formats", rollouts=250))
    play_in_order(peer, is_xml, at_once=5)
    (best,) = peer.recommend()
    assert best.configuration.root["tool_format"] == "xml_tags"
    assert best.rollouts == 10
    assert best.low < best.mean == 1.0


def test_a_strategy_under_another_name_has_other_options():
    surface = surface_of(SMALL, 0)
    whole = contender("random_whole").make(problem(surface, seed=0, rollouts=80))
    few = contender("random:first_tasks=2").make(problem(surface, seed=0, rollouts=80))
    asked = [[request.trial for request in strategy.propose(24)] for strategy in (whole, few)]
    assert asked[0] == [0] * 8 + [1] * 8 + [2] * 8
    assert asked[1][8:12] == [1, 1, 2, 2]
