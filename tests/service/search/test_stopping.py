"""When and why a search ends, over a real store; the forecasts are those of an honest fake (``forecasting``)."""

import random

import pytest

from service.api.schemas import StudyOut
from service.calibration.played import play_study
from service.plan import plan_study
from service.search.loop import StudyLoop
from service.search.stopping import Search, rules_met
from tests.playing import play, problem
from tests.service.search.forecasting import Config, Forecasting, registry_in
from tests.service.search.test_loop import SEEN, RulePool, finished, is_xml, scored, study_spec, ticking
from tests.service.search.test_loop import store as store  # noqa: PLC0414  # the fixture
from unhobble.analysis.report import Findings
from unhobble.errors import BadInput
from unhobble.models.organism.traits import load_traits
from unhobble.models.organism.truth import Simulator
from unhobble.records import Outlook, SearchEnded
from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import StopSpec, StudySpec
from unhobble.vocabulary import Phase, SearchEnd, Split

SMALL = {
    "name": "small",
    "dimensions": {
        "prompt": {"choice": ["plain"]},
        "tool_format": {"choice": ["native", "xml_tags"]},
        "tool_format.strict": {"choice": [True, False]},
        "scaffold": {"choice": ["react"]},
    },
    "baseline": {"prompt": "plain", "tool_format": "native", "tool_format.strict": True, "scaffold": "react"},
}
BEATEN = {"beaten_by": 0.1, "probability": 0.05}


def spec(stop=None, **changes):
    search = {"strategy": "forecasting", "concurrency": 5, "stop": stop} | changes.pop("search", {})
    return study_spec(**({"space": SMALL, "budget": {"rollouts": 400}, "search": search} | changes))


@pytest.fixture
def registry(tmp_path):
    return registry_in(tmp_path)


async def run(store, study: str, pool, registry) -> None:
    lease = store.acquire("me", ttl_s=30, study_id=study)
    loop = StudyLoop(
        store=store,
        lease=lease,
        plan=plan_study(store.study(study).spec, registry),
        registry=registry,
        sandbox=SandboxSpec(backend="fake"),
        sandbox_seen=SEEN,
        pool=pool,
        clock=ticking(),
    )
    try:
        await loop.run()
    finally:
        store.release(lease)


def coin(chance) -> RulePool:
    rng = random.Random(0)
    return RulePool(lambda rollout: scored(rollout, float(rng.random() < chance(rollout.configuration.root))))


def outlook(*shortfalls: float, gain: float = 0.5) -> Outlook:
    known = {"maximum": 0.5, "maximum_low": 0.4, "maximum_high": 0.6, "upper_limit": 0.6}
    return Outlook(**known, shortfalls=tuple(sorted(shortfalls)), gains=((0.1, gain), (1.0, 2 * gain)))


# --- by rule ----------------------------------------------------------------------------------------------------------------
async def test_a_search_ends_when_hardly_anything_is_believed_to_be_better_and_says_so_everywhere(store, registry):
    study = store.create_study(spec(BEATEN)).id
    await run(store, study, RulePool(is_xml), registry)
    record, plan = store.study(study), plan_study(spec(BEATEN), registry)
    ended = record.search_ended
    assert record.phase is Phase.completed
    assert ended.why is SearchEnd.beaten_by
    assert ended.figure < ended.limit == 0.05
    assert ended.rollouts == len(finished(store, study, split=Split.search)) < ended.planned == plan.search_rollouts
    assert Findings.model_validate(record.report).search_ended == ended
    assert StudyOut.of(record).search_ended["words"] == ended.words
    assert [e.data["words"] for e in store.events(study, limit=10_000) if e.kind == "search_ended"] == [ended.words]
    assert "no proof" in ended.words


async def test_what_the_search_leaves_is_spent_only_as_far_as_the_confirmation_is_planned(store, registry):
    study = store.create_study(spec(BEATEN)).id
    await run(store, study, RulePool(is_xml), registry)
    record = store.study(study)
    planned = Findings.model_validate(record.report).confirmed.plan
    assert planned.from_search
    assert len(finished(store, study, split=Split.held_out)) == planned.rollouts
    assert record.progress.rollouts_finished < 400


async def test_without_a_rule_the_same_search_uses_what_it_has(store, registry):
    study = store.create_study(spec()).id
    await run(store, study, RulePool(is_xml), registry)
    ended = store.study(study).search_ended
    assert (ended.why, ended.rollouts) == (SearchEnd.rollouts, ended.planned)


async def test_nothing_is_certain_on_a_flat_space(store, registry):
    """All configurations are equally good, and no rollout can show which is the best."""
    flat = spec({"beaten_by": 0.02, "probability": 0.05}, budget={"rollouts": 200})
    study = store.create_study(flat).id
    await run(store, study, coin(lambda _: 0.5), registry)
    assert store.study(study).search_ended.why is SearchEnd.rollouts


async def test_a_search_ends_when_more_of_it_is_hardly_expected_to_gain_anything(store, registry):
    study = store.create_study(spec({"gain_below": 0.005})).id
    await run(store, study, coin(lambda root: 0.9 if root["tool_format"] == "xml_tags" else 0.1), registry)
    ended = store.study(study).search_ended
    assert (ended.why, ended.limit) == (SearchEnd.gain_below, 0.005)
    assert 0 <= ended.figure < 0.005


async def test_no_rule_applies_before_the_rollouts_that_were_asked_for(store, registry):
    study = store.create_study(spec(BEATEN | {"min_rollouts": 250})).id
    await run(store, study, RulePool(is_xml), registry)
    assert store.study(study).search_ended.rollouts >= 250


async def test_a_study_that_was_killed_while_it_confirmed_does_not_search_again(store, registry):
    study = store.create_study(spec(BEATEN)).id
    whole = store.create_study(spec(BEATEN)).id
    await run(store, whole, RulePool(is_xml), registry)
    searched = len(finished(store, whole, split=Split.search))
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, RulePool(is_xml, die_after=searched + 10), registry)
    second = RulePool(is_xml)
    await run(store, study, second, registry)
    assert {rollout.split for rollout in second.submitted} == {Split.held_out}
    assert store.study(study).search_ended == store.study(whole).search_ended
    ours, theirs = (Findings.model_validate(store.study(s).report).confirmed for s in (study, whole))
    assert ours == theirs


def test_a_simulated_study_ends_by_the_same_rule(registry):
    plan = plan_study(spec(BEATEN, model={"id": "organism/format-bound"}), registry)
    simulator = Simulator(load_traits("format-bound"), plan.chosen, registry=registry)
    played = play_study(plan, simulator, registry)
    assert sum(r.split is Split.search for r in played.rollouts) < plan.search_rollouts
    assert played.confirmed.plan.from_search


# --- looking ----------------------------------------------------------------------------------------------------------------
def test_a_handful_of_draws_is_no_certainty():
    stop = StopSpec(beaten_by=0.1, probability=0.05)
    assert rules_met(stop, outlook(*[0.0] * 10), searched=50, planned=100) == []
    (met,) = rules_met(stop, outlook(*[0.0] * 100), searched=50, planned=100)
    assert met.figure == pytest.approx(1 / 102)
    assert rules_met(stop, outlook(*[0.0] * 90, *[0.2] * 10), searched=50, planned=100) == []
    assert rules_met(stop, outlook(), searched=50, planned=100) == []


def test_the_gain_is_that_of_a_tenth_more():
    stop = StopSpec(gain_below=0.01)
    (met,) = rules_met(stop, outlook(0.0, gain=0.009), searched=50, planned=100)
    assert (met.why, met.figure) == (SearchEnd.gain_below, 0.009)
    assert rules_met(stop, outlook(0.0, gain=0.01), searched=50, planned=100) == []


class Told(Forecasting):
    """Forecasts what it is told, look by look."""

    def __init__(self, config, at, forecasts):
        super().__init__(config, at)
        self.told = list(forecasts)

    def outlook(self, track=None):
        return self.told.pop(0) if self.told else None


def searched_until_met(forecasts, clock=lambda: 0.0):
    """How many rollouts of 200 are recorded before a rule is met, and the forecasts that nobody asked for."""
    strategy = Told(Config(), problem(SMALL, rollouts=200), forecasts)
    search = Search(strategy, StopSpec(beaten_by=0.1), rollouts=200, clock=clock)
    return len(play(search, lambda *_: 1.0, at_once=1).outcomes), strategy.told


def test_a_rule_has_to_be_met_twice_in_a_row():
    sure, unsure = outlook(*[0.0] * 100), outlook(*[0.5] * 100)
    assert searched_until_met([sure, sure])[0] == 60
    assert searched_until_met([sure, unsure, sure, None, sure, sure])[0] == 100
    assert searched_until_met([])[0] == 200


def test_a_forecast_that_takes_long_is_asked_for_more_rarely():
    """A clock on which every look at it takes 1 s, so that a forecast takes 1 s and 20 more have to pass before the next."""
    unsure = [outlook(0.5)] * 100
    asked_at_leisure = 100 - len(searched_until_met(unsure)[1])
    seconds = iter(range(100_000))
    asked_in_a_hurry = 100 - len(searched_until_met(unsure, lambda: next(seconds))[1])
    assert asked_at_leisure == 16
    assert 1 <= asked_in_a_hurry < asked_at_leisure


# --- at the door ------------------------------------------------------------------------------------------------------------
def issues(study_document, registry) -> dict[str, str]:
    with pytest.raises(BadInput) as refused:
        plan_study(study_document, registry)
    return {issue.path: issue.message for issue in refused.value.issues}


def test_a_rule_needs_a_strategy_that_forecasts(registry):
    refused = issues(spec(BEATEN, search={"strategy": "random"}), registry)
    assert list(refused) == ["search.stop"]
    assert "random knows only what it tried" in refused["search.stop"]
    plan_study(spec(BEATEN), registry)


@pytest.mark.parametrize("stop", [{}, {"probability": 0.1}, {"beaten_by": 0}, {"gain_below": 1}, {"min_rollouts": 3}])
def test_a_stop_without_a_rule_or_with_one_out_of_range_is_refused(stop):
    with pytest.raises(ValueError, match="stop"):
        StudySpec.model_validate(spec().model_dump() | {"search": {"stop": stop}})


# --- by other ends ----------------------------------------------------------------------------------------------------------
def spends(tokens: int = 0, usd: float = 0.0):
    return lambda rollout: scored(rollout, 1.0, tokens=tokens, usd=usd)


@pytest.mark.parametrize(
    ("why", "budget", "limits", "spend"),
    [
        (SearchEnd.tokens, {"tokens": 20_000}, {"tokens": 1_000}, {"tokens": 100}),
        (SearchEnd.usd, {"usd": 2.0}, {"usd": 0.1}, {"usd": 0.01}),
        (SearchEnd.tokens, {"tokens": 20_000}, {"tokens": 19_000}, {"tokens": 1_100}),
    ],
)
async def test_a_ceiling_ends_the_search_with_a_share_left_for_the_confirmation(store, why, budget, limits, spend):
    study = store.create_study(study_spec(budget={"rollouts": 400} | budget, limits=limits)).id
    await run(store, study, RulePool(spends(**spend)), installed())
    record = store.study(study)
    assert record.search_ended.why is why
    assert 0 < record.search_ended.rollouts < record.search_ended.planned
    assert f"budget.{why}" in record.search_ended.words
    assert why is SearchEnd.usd or record.progress.spend.usage.total <= 20_000


async def test_a_strategy_with_nothing_more_to_try_ends_the_search(store, registry):
    study = store.create_study(spec(search={"options": {"tired_after": 60}})).id
    await run(store, study, RulePool(is_xml), registry)
    ended = store.study(study).search_ended
    assert ended.why is SearchEnd.nothing_to_try
    assert 60 <= ended.rollouts < ended.planned


def test_every_end_has_words():
    for why in SearchEnd:
        words = SearchEnded(why=why, rollouts=5, planned=9, figure=0.01, limit=0.05, by=0.1).words
        assert "9" in words
        assert "None" not in words
