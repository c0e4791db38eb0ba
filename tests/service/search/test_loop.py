"""The life of a study over a real SQLite store, with a pool that scores by a rule instead of running anything."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable

import pytest

from service.db import open_store
from service.paging import all_rollouts
from service.plan import StudyPlan, plan_study
from service.search.loop import StudyLoop
from tests.playing import EVERYDAY
from unhobble.analysis.report import Findings, SandboxSeen
from unhobble.messages import Usage
from unhobble.protocols import StudyStore
from unhobble.records import RolloutFilter
from unhobble.registry import installed
from unhobble.results import FailureLabel, Identity, RolloutResult, Spend
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import RolloutSpec, StudySpec
from unhobble.transcript import Transcript
from unhobble.vocabulary import FailureCode, Phase, RolloutState, Split

SEEN = SandboxSeen(backend="fake", why="a test", not_enforced=())


def study_spec(**changes) -> StudySpec:
    document = {
        "model": {"id": "organism/compliant"},
        "suite": {"id": "builtin/shell", "tasks": list(EVERYDAY)},
        "space": "tool-formats",
        "budget": {"rollouts": 120},
        "search": {"strategy": "random", "concurrency": 5},
        "sandbox": {"backend": "fake"},
    }
    return StudySpec.model_validate(document | changes)


def scored(
    spec: RolloutSpec, score: float | None, *, retryable: bool = True, tokens: int = 10, usd: float | None = 0.01
) -> RolloutResult:
    code = FailureCode.infrastructure if score is None else FailureCode.format_error
    return RolloutResult(
        rollout_id=spec.id,
        score=score,
        label=None if score == 1 else FailureLabel(code=code, rule="told"),
        submission="done",
        identity=Identity(asked=spec.model.id, answered=(spec.model.id,), simulated=True),
        spend=Spend(model_calls=1, usage=Usage(input_tokens=tokens), cost_usd=usd, duration_s=1.0),
        sandbox="fake",
        transcript=Transcript(),
        error="the engine is gone" if score is None else None,
        retryable=retryable,
    )


def is_xml(spec: RolloutSpec) -> RolloutResult:
    return scored(spec, float(spec.configuration.root["tool_format"] == "xml_tags"))


class RulePool:
    """``protocols.RolloutPool`` that answers at once, by a rule, and remembers what it was given."""

    def __init__(self, rule: Callable[[RolloutSpec], RolloutResult], *, die_after: int | None = None) -> None:
        self._rule = rule
        self._die_after = die_after
        self._queue: list[RolloutSpec] = []
        self.submitted: list[RolloutSpec] = []
        self.most_in_flight = 0

    async def submit(self, spec: RolloutSpec) -> None:
        self.submitted.append(spec)
        self._queue.append(spec)
        self.most_in_flight = max(self.most_in_flight, len(self._queue))

    async def next_result(self, timeout_s: float) -> RolloutResult | None:
        del timeout_s
        await asyncio.sleep(0)
        if self._die_after is not None:
            if self._die_after == 0:
                raise KeyboardInterrupt  # as sudden as anything can be in one process
            self._die_after -= 1
        return self._rule(self._queue.pop(0)) if self._queue else None

    async def close(self) -> None:
        self._queue.clear()


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'unhobble.db'}") as opened:
        yield opened


def ticking() -> Callable[[], float]:
    """A clock on which a second passes whenever somebody looks, so that every turn of the loop has its heartbeat."""
    seconds = itertools.count()
    return lambda: float(next(seconds))


async def run(
    store: StudyStore,
    study: str,
    pool: RulePool,
    owner: str = "me",
    *,
    plan: StudyPlan | None = None,
    sandbox: SandboxSpec | None = None,
) -> None:
    lease = store.acquire(owner, ttl_s=30, study_id=study)
    assert lease is not None
    loop = StudyLoop(
        store=store,
        lease=lease,
        plan=plan or plan_study(store.study(study).spec, installed()),
        registry=installed(),
        sandbox=sandbox or SandboxSpec(backend="fake"),
        sandbox_seen=SEEN,
        pool=pool,
        clock=ticking(),
    )
    try:
        await loop.run()
    finally:
        store.release(lease)


def finished(store: StudyStore, study: str, **where):
    return list(all_rollouts(store, study, RolloutFilter(state=RolloutState.finished, **where)))


async def test_a_study_searches_confirms_on_held_out_tasks_and_reports(store):
    study = store.create_study(study_spec()).id
    pool = RulePool(is_xml)
    await run(store, study, pool)
    record = store.study(study)
    assert record.phase is Phase.completed
    found = Findings.model_validate(record.report)
    assert found.confirmed is not None
    assert found.confirmed.best.configuration.root["tool_format"] == "xml_tags"
    assert (found.confirmed.best.rate.mean, found.confirmed.baseline.rate.mean) == (1.0, 0.0)
    assert found.confirmed.gain_is_clear
    assert found.confirmed.empirically_fixed.fixed == found.confirmed.empirically_fixed.spurious_failures > 0
    assert found.model.simulated
    assert any("SIMULATED" in caveat for caveat in found.caveats)
    assert pool.most_in_flight == 5


async def test_the_search_never_sees_a_held_out_task_and_all_arms_meet_on_the_same_cells(store):
    study = store.create_study(study_spec()).id
    await run(store, study, RulePool(is_xml))
    searched = {r.task for r in finished(store, study, split=Split.search)}
    confirmed = finished(store, study, split=Split.held_out)
    assert not searched & {r.task for r in confirmed}
    cells = Counter((r.task, r.epoch) for r in confirmed)
    assert len(set(cells.values())) == 1


async def test_the_budget_of_rollouts_is_never_passed(store):
    study = store.create_study(study_spec()).id
    pool = RulePool(is_xml)
    await run(store, study, pool)
    assert len(pool.submitted) <= 120
    assert store.study(study).progress.rollouts_finished == len(pool.submitted)


async def test_a_budget_of_tokens_waits_for_what_is_under_way_and_then_uses_what_it_left(store):
    # Each rollout reserves 1,000 and uses 100, so at most 3 fit at once but many more in all.
    spec = study_spec(budget={"rollouts": 120, "tokens": 3_000}, limits={"tokens": 1_000})
    study = store.create_study(spec).id
    pool = RulePool(lambda rollout: scored(rollout, 0.0, tokens=100))
    await run(store, study, pool)
    spent = store.study(study).progress.spend.usage.total
    assert 2_000 < spent <= 3_000
    assert pool.most_in_flight <= 3


async def test_a_budget_in_dollars_without_a_price_fails_at_once_instead_of_booking_nothing(store):
    spec = study_spec(budget={"rollouts": 120, "usd": 5}, limits={"usd": 0.1})
    study = store.create_study(spec).id
    pool = RulePool(lambda rollout: scored(rollout, 1.0, usd=None))
    await run(store, study, pool)
    record = store.study(study)
    assert record.phase is Phase.failed
    assert "price of organism/compliant is not known" in record.reason
    assert len(pool.submitted) <= 5
    assert record.progress.spend.cost_usd is None


@pytest.mark.parametrize(("usd", "is_confirmed"), [(0.5, True), (0.2, False)])
async def test_a_budget_in_dollars_is_never_passed_and_what_it_leaves_unconfirmed_is_said(store, usd, is_confirmed):
    """A rollout reserves 0.1 and costs 0.02. The search leaves the confirmation its share, which may be too little for one."""
    spec = study_spec(budget={"rollouts": 120, "usd": usd}, limits={"usd": 0.1})
    study = store.create_study(spec).id
    await run(store, study, RulePool(lambda rollout: scored(rollout, 1.0, usd=0.02)))
    record = store.study(study)
    assert 0.5 * usd < record.progress.spend.cost_usd <= usd
    assert bool(record.report["confirmed"]) is is_confirmed
    assert ("nothing is confirmed" in record.reason) is not is_confirmed


async def test_failed_infrastructure_is_tried_again_and_only_the_last_try_counts(store):
    tries: Counter[str] = Counter()

    def fails_once(spec: RolloutSpec) -> RolloutResult:
        tries[spec.id] += 1
        return scored(spec, None) if tries[spec.id] == 1 and len(tries) % 4 == 0 else is_xml(spec)

    study = store.create_study(study_spec()).id
    await run(store, study, RulePool(fails_once))
    progress = store.study(study).progress
    assert progress.retries == sum(n - 1 for n in tries.values()) > 0
    assert progress.rollouts_invalid == 0
    assert all(r.score is not None for r in finished(store, study))


async def test_a_rollout_whose_infrastructure_stays_broken_is_missing_and_not_0(store):
    def one_task_is_broken(spec: RolloutSpec) -> RolloutResult:
        return scored(spec, None) if spec.task == broken else scored(spec, 1.0)

    study = store.create_study(study_spec()).id
    broken = plan_study(store.study(study).spec, installed()).tasks(Split.held_out)[0].id
    await run(store, study, RulePool(one_task_is_broken))
    record = store.study(study)
    found = Findings.model_validate(record.report)
    assert record.progress.rollouts_invalid > 0
    assert found.confirmed is not None
    assert found.confirmed.baseline.rate.mean == 1.0
    assert found.confirmed.baseline.missing == found.confirmed.epochs


@pytest.mark.parametrize(
    ("retryable", "valid_first", "at_most"), [(False, 0, 5), (True, 0, 3 + 5), (False, 20, 20 + 24 + 5), (True, 20, 20 + 24 + 5)]
)
async def test_a_study_that_cannot_be_run_fails_with_the_reason_instead_of_spending_on(store, retryable, valid_first, at_most):
    def breaks(spec: RolloutSpec) -> RolloutResult:
        well = len(finished(store, study)) < valid_first
        return scored(spec, 1.0) if well else scored(spec, None, retryable=retryable)

    study = store.create_study(study_spec()).id
    pool = RulePool(breaks)
    await run(store, study, pool)
    record = store.study(study)
    assert record.phase is Phase.failed
    assert "the engine is gone" in record.reason
    assert valid_first < len(pool.submitted) <= at_most


@pytest.mark.parametrize("die_after", [1, 30, 85, 100])
async def test_a_killed_study_goes_on_where_it_was_and_no_finished_rollout_runs_again(store, die_after):
    study = store.create_study(study_spec()).id
    first = RulePool(is_xml, die_after=die_after)
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, first)
    done = {r.id for r in finished(store, study)}
    assert len(done) == die_after
    second = RulePool(is_xml)
    await run(store, study, second, owner="the next")
    assert store.study(study).phase is Phase.completed
    assert not done & {spec.id for spec in second.submitted}
    assert len({r.id for r in finished(store, study)}) == store.study(study).progress.rollouts_finished <= 120


async def test_pausing_finishes_what_is_under_way_and_resuming_goes_on(store):
    study = store.create_study(study_spec()).id
    seen = 0

    def pause_at_20(spec: RolloutSpec) -> RolloutResult:
        nonlocal seen
        seen += 1
        if seen == 20:
            store.transition(study, Phase.paused)
        return is_xml(spec)

    pool = RulePool(pause_at_20)
    task = asyncio.create_task(run(store, study, pool))
    await asyncio.wait_for(task, 60)
    assert store.study(study).phase is Phase.paused
    assert len(finished(store, study)) == len(pool.submitted) < 120
    store.transition(study, Phase.queued)
    await run(store, study, RulePool(is_xml))
    assert store.study(study).phase is Phase.completed


async def test_a_cancelled_study_stops_and_keeps_what_it_has(store):
    study = store.create_study(study_spec()).id

    def cancel_at_10(spec: RolloutSpec) -> RolloutResult:
        if len(finished(store, study)) == 9:
            store.transition(study, Phase.cancelled)
        return is_xml(spec)

    await run(store, study, RulePool(cancel_at_10))
    record = store.study(study)
    assert record.phase is Phase.cancelled
    assert 10 <= len(finished(store, study)) < 120
