"""What every ``StudyStore`` promises, over every database that we support."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, insert, make_url, select
from sqlalchemy.exc import IntegrityError

from service.db import SqlStudyStore, open_engine, upgrade
from service.db.mapping import pack_transcript
from service.db.rows import Row, StudyRow, TranscriptRow
from unhobble.configuration import Configuration
from unhobble.errors import BadInput, Conflict, LeaseLost, NotFound
from unhobble.messages import ToolCall, Usage
from unhobble.protocols import StudyStore
from unhobble.records import Lease, NewRollout, Page, RolloutFilter, RolloutRequest, SearchEnded
from unhobble.results import FailureLabel, Identity, RolloutResult, Spend
from unhobble.spec import BudgetSpec, StudyModel, StudySpec, SuiteSpec, rollout_id
from unhobble.transcript import CallStep, NoteStep, Transcript
from unhobble.vocabulary import PHASE_TRANSITIONS, FailureClass, FailureCode, Phase, RolloutState, SearchEnd, Split, TrialState

HOSTILE = "NUL \x00, \u202e, '; DROP TABLE studies; --, %s, \U0001d518, \N{PILE OF POO}"
SURROGATE = "half a character: \ud83d"


# --- databases ------------------------------------------------------------------------------------------------------------
@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/studies.db"
        return
    server = os.environ.get("UNHOBBLE_TEST_POSTGRES_URL")
    if not server:
        pytest.fail("UNHOBBLE_TEST_POSTGRES_URL is not set; scripts/with-services starts a server and sets it", pytrace=False)
    at = make_url(server)
    schema = f"test_{uuid4().hex}"
    plain = at.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
        yield at.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
        admin.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def engine(url) -> Iterator[Engine]:
    engine = open_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine) -> StudyStore:
    return SqlStudyStore(engine)


# --- values ---------------------------------------------------------------------------------------------------------------
def spec(name: str = "a study", *, params: dict[str, Any] | None = None, rollouts: int = 1000, **budget: Any) -> StudySpec:
    return StudySpec(
        name=name,
        model=StudyModel(id="organism/steady", params=params or {}),
        suite=SuiteSpec(id="builtin/shell"),
        budget=BudgetSpec(rollouts=rollouts, **budget),
    )


def configuration(trial: int) -> Configuration:
    return Configuration({"prompt": f"p{trial}", "tool_format": "json", "scaffold": "react"})


def new(
    study: str,
    number: int,
    *,
    trial: int = 0,
    of: Configuration | None = None,
    candidate: str | None = None,
    task: str | None = None,
    split: Split = Split.search,
    tokens: int = 100,
    usd: float | None = None,
) -> NewRollout:
    task = task or f"task-{number}"
    return NewRollout(
        id=rollout_id(study, trial, task, 0),
        request=RolloutRequest(trial=trial, configuration=of or configuration(trial), task=task, epoch=0),
        candidate=candidate or (of or configuration(trial)).hash,
        split=split,
        reserve_tokens=tokens,
        reserve_usd=usd,
    )


def result(
    rollout: str,
    score: float | None = 1.0,
    *,
    cost_usd: float | None = 0.0,
    tokens: int = 0,
    label: FailureLabel | None = None,
    transcript: Transcript | None = None,
    error: str | None = None,
) -> RolloutResult:
    return RolloutResult(
        rollout_id=rollout,
        score=score,
        label=label,
        submission="42",
        identity=Identity(asked="organism/steady", answered=("steady",), simulated=True),
        spend=Spend(model_calls=1, usage=Usage(input_tokens=tokens), cost_usd=cost_usd, duration_s=1.5),
        sandbox="bubblewrap",
        transcript=transcript or Transcript(steps=(NoteStep(text=f"the transcript of {rollout}"),)),
        error=error,
    )


def searching(store: StudyStore, the_spec: StudySpec | None = None, *, ttl_s: float = 60) -> Lease:
    """A new study that is searching, and its lease."""
    study = store.create_study(the_spec or spec())
    lease = store.acquire("the owner", ttl_s=ttl_s, study_id=study.id)
    assert lease is not None
    store.transition(study.id, Phase.searching, lease=lease)
    return lease


def reserve(store: StudyStore, lease: Lease, count: int, **how: Any) -> list[str]:
    return store.reserve(lease, [new(lease.study, number, **how) for number in range(count)])


def at_once(threads: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(i)`` gives, or the error it raises, in ``threads`` threads that start together."""
    barrier = Barrier(threads)

    def one(index: int) -> Any:
        barrier.wait()
        try:
            return work(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(one, range(threads)))


def event_numbers_and_kinds(store: StudyStore, study: str) -> tuple[list[int], list[str]]:
    events = store.events(study, limit=100_000)
    return [event.number for event in events], [event.kind for event in events]


def walk(page_at: Callable[[str | None], Page[Any]], key: Callable[[Any], Any], between: Callable[[], object]) -> list[Any]:
    """The keys of all items of a listing, with ``between`` called after each page."""
    seen, cursor = [], None
    while True:
        page = page_at(cursor)
        seen += [key(item) for item in page.items]
        between()
        if (cursor := page.next_cursor) is None:
            return seen


# --- tables ---------------------------------------------------------------------------------------------------------------
def test_upgrade_gives_exactly_the_tables_of_the_rows(engine):
    upgrade(engine)  # a second time changes nothing
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Row.metadata) == []


OLD_ROWS = (
    "INSERT INTO studies VALUES ('s', '{}', 'queued', '', 1, 1, NULL, NULL, 0, NULL, 0, 0, 0, 0, 9, NULL, NULL, NULL,"
    " 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, false, 0, 0, 1)",
    "INSERT INTO trials VALUES ('s', 0, '{\"prompt\":\"plain\"}', 'a hash', 'running')",
    "INSERT INTO rollouts"
    " (id, study, trial, task, epoch, split, state, reserved_tokens, reserved_usd, retries, finished_order, score)"
    " VALUES ('r', 's', 0, 'a task', 0, 'search', 'finished', 0, 0, 0, 1, 0.5)",
)


def test_a_database_of_the_first_version_keeps_its_rollouts_and_a_trial_s_candidate_is_its_configuration_s_hash(url):
    engine = open_engine(url)
    try:
        upgrade(engine, "0001")
        with engine.begin() as connection:
            for statement in OLD_ROWS:
                connection.exec_driver_sql(statement)
            connection.execute(insert(TranscriptRow).values(rollout="r", body=pack_transcript(Transcript())))
        upgrade(engine)
        store = SqlStudyStore(engine)
        (trial,) = store.trials("s").items
        assert (trial.candidate, trial.scored, trial.mean_score) == ("a hash", 1, 0.5)
        assert store.rollout("r").configuration.root == {"prompt": "plain"}
        assert store.transcript("r") == Transcript()
        with engine.begin() as connection:
            assert connection.execute(select(StudyRow.search_ended)).scalar_one() is None
        with engine.begin() as connection, pytest.raises(IntegrityError):  # rows still depend on each other
            connection.exec_driver_sql("INSERT INTO transcripts VALUES ('none', '')")
    finally:
        engine.dispose()


@pytest.mark.slow
def test_several_processes_may_upgrade_a_new_database_at_once(url):
    program = "import sys; from service.db import open_store\nwith open_store(sys.argv[1]) as store: store.studies()"
    starts = [subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(process.communicate()[1], process.returncode) for process in starts]
    assert ends == [("", 0)] * 3


# --- studies --------------------------------------------------------------------------------------------------------------
def test_a_new_study_is_queued_with_its_first_event_and_nothing_spent(store):
    study = store.create_study(spec("mine"))
    assert store.study(study.id) == study
    assert (study.phase, study.spec.name, study.version, study.report) == (Phase.queued, "mine", 1, None)
    assert study.progress.spend == Spend()
    assert event_numbers_and_kinds(store, study.id) == ([1], ["study_created"])


def test_the_same_key_and_spec_give_the_same_study_and_another_spec_a_conflict(store):
    first = store.create_study(spec("a"), idempotency_key="key")
    assert store.create_study(spec("a"), idempotency_key="key") == first
    assert store.create_study(spec("a"), idempotency_key="other key").id != first.id
    assert store.create_study(spec("a")).id != first.id
    with pytest.raises(BadInput, match=first.id):
        store.create_study(spec("b"), idempotency_key="key")


def test_one_key_makes_one_study_however_many_ask_at_once(store):
    made = at_once(8, lambda _: store.create_study(spec(), idempotency_key="key"))
    assert {study.id for study in made} == {store.studies().items[0].id}
    assert len(store.studies().items) == 1


def test_only_a_final_study_can_be_deleted_and_takes_all_of_its_own_along(store):
    kept, lease = searching(store), searching(store)
    for one in (kept, lease):
        (rollout,) = reserve(store, one, 1)
        store.commit(one, result(rollout))
        store.save_report(one, {"found": 1})
    with pytest.raises(Conflict, match=r"searching.*cancel"):
        store.delete_study(lease.study)
    store.transition(lease.study, Phase.cancelled)
    store.delete_study(lease.study)
    for ask in (store.study, store.delete_study, store.trials, store.rollouts, store.events):
        with pytest.raises(NotFound, match=lease.study):
            ask(lease.study)
    for ask in (store.rollout, store.transcript):
        with pytest.raises(NotFound):
            ask(rollout)
    with pytest.raises(LeaseLost):
        store.renew(lease, ttl_s=60)
    assert store.study(kept.study).progress.rollouts_finished == len(store.rollouts(kept.study).items) == 1


# --- phases ---------------------------------------------------------------------------------------------------------------
WAY = {
    Phase.queued: [],
    Phase.searching: [Phase.searching],
    Phase.confirming: [Phase.searching, Phase.confirming],
    Phase.paused: [Phase.paused],
    Phase.completed: [Phase.searching, Phase.confirming, Phase.completed],
    Phase.failed: [Phase.failed],
    Phase.cancelled: [Phase.cancelled],
}


@pytest.mark.parametrize("start", Phase)
def test_a_study_moves_only_where_the_table_allows_and_says_what_is_allowed(store, start):
    for to in Phase:
        study = store.create_study(spec())
        for phase in WAY[start]:
            study = store.transition(study.id, phase)
        if to in PHASE_TRANSITIONS[start]:
            moved = store.transition(study.id, to, reason="because")
            assert (moved.phase, moved.reason, moved.version) == (to, "because", study.version + 1)
            assert (moved.finished_at is not None) == to.is_final
            assert store.events(study.id)[-1].data == {"from": start, "to": to, "reason": "because"}
        else:
            with pytest.raises(Conflict) as caught:
                store.transition(study.id, to)
            for word in (study.id, start, to, *PHASE_TRANSITIONS[start]):
                assert word in str(caught.value)
            assert store.study(study.id) == study


def test_of_conflicting_transitions_at_once_one_wins(store):
    study = store.create_study(spec()).id
    ends = at_once(8, lambda index: store.transition(study, Phase.cancelled if index % 2 else Phase.failed))
    assert sum(not isinstance(end, Conflict) for end in ends) == 1
    assert event_numbers_and_kinds(store, study) == ([1, 2], ["study_created", "phase_changed"])


def test_a_paused_study_starts_nothing_and_loses_nothing(store):
    lease = searching(store)
    (under_way,) = reserve(store, lease, 1)
    store.transition(lease.study, Phase.paused, reason="lunch")
    assert store.renew(lease, ttl_s=60) is Phase.paused
    assert reserve(store, lease, 3) == []
    assert store.commit(lease, result(under_way))
    store.release(lease)
    assert store.acquire("another", ttl_s=60) is None
    store.transition(lease.study, Phase.queued)
    assert store.acquire("another", ttl_s=60) is not None
    assert store.study(lease.study).progress.rollouts_finished == 1


# --- leases ---------------------------------------------------------------------------------------------------------------
ENDED = SearchEnded(why=SearchEnd.beaten_by, rollouts=70, planned=100, figure=0.03, limit=0.05, by=0.1)


def test_why_a_search_ended_is_stored_with_its_event_and_begins_the_confirmation(store):
    lease = searching(store)
    assert store.study(lease.study).search_ended is None
    assert store.end_search(lease, ENDED).phase is Phase.confirming
    assert store.study(lease.study).search_ended == ENDED
    told, moved = store.events(lease.study)[-2:]
    assert (told.kind, told.data) == ("search_ended", ENDED.model_dump(mode="json") | {"words": ENDED.words})
    assert (moved.kind, moved.data["to"]) == ("phase_changed", "confirming")


def test_a_search_that_was_paused_meanwhile_has_not_ended(store):
    lease = searching(store)
    store.transition(lease.study, Phase.paused)
    with pytest.raises(Conflict):
        store.end_search(lease, ENDED)
    assert store.study(lease.study).search_ended is None
    assert "search_ended" not in event_numbers_and_kinds(store, lease.study)[1]


def test_the_oldest_study_without_a_living_owner_comes_first(store):
    first, second, third = (store.create_study(spec()).id for _ in range(3))
    store.transition(first, Phase.paused)
    owned = [store.acquire("me", ttl_s=60), store.acquire("me", ttl_s=60), store.acquire("me", ttl_s=60)]
    assert [lease and lease.study for lease in owned] == [second, third, None]
    store.release(owned[0])
    assert store.acquire("me", ttl_s=60, study_id=third) is None
    assert store.acquire("me", ttl_s=60, study_id=second).epoch > owned[0].epoch


def test_controllers_that_look_at_once_take_different_studies(store):
    studies = {store.create_study(spec()).id for _ in range(5)}
    leases = at_once(8, lambda index: store.acquire(f"controller {index}", ttl_s=60))
    taken = [lease.study for lease in leases if lease is not None]
    assert len(taken) == len(set(taken))
    while lease := store.acquire("a late one", ttl_s=60):  # who looks while a row is locked may come away with nothing
        taken.append(lease.study)
    assert sorted(taken) == sorted(studies)


def test_a_stale_owner_can_write_nothing(store):
    stale = searching(store, ttl_s=0)
    (rollout,) = reserve(store, stale, 1)
    owner = store.acquire("another", ttl_s=60)
    assert owner.study == stale.study
    reserve(store, owner, 1)
    before = store.study(stale.study)
    for write in (
        lambda: store.renew(stale, ttl_s=60),
        lambda: store.reserve(stale, [new(stale.study, 9)]),
        lambda: store.commit(stale, result(rollout)),
        lambda: store.record_retry(stale, result(rollout, None)),
        lambda: store.set_trial_state(stale, 0, TrialState.pruned),
        lambda: store.save_report(stale, {}),
        lambda: store.end_search(stale, ENDED),
        lambda: store.transition(stale.study, Phase.failed, lease=stale),
    ):
        with pytest.raises(LeaseLost, match=stale.study):
            write()
    store.release(stale)
    assert store.study(stale.study) == before
    assert store.commit(owner, result(rollout))


def test_an_owner_of_the_same_name_is_fenced_off_by_its_epoch(store):
    stale = searching(store, ttl_s=0)
    assert store.acquire(stale.owner, ttl_s=60) == stale.model_copy(update={"epoch": stale.epoch + 1})
    with pytest.raises(LeaseLost):
        store.renew(stale, ttl_s=60)


def test_a_lease_that_ran_out_and_that_nobody_took_is_still_good(store):
    lease = searching(store, ttl_s=0)
    assert store.renew(lease, ttl_s=60) is Phase.searching
    assert store.acquire("another", ttl_s=60) is None


def test_a_takeover_keeps_what_is_finished_and_requeues_the_rest(store):
    dead = searching(store, spec(rollouts=10, tokens=1000, usd=1), ttl_s=0)
    ids = reserve(store, dead, 10, usd=0.1)
    for rollout in ids[:3]:
        store.commit(dead, result(rollout, tokens=10, cost_usd=0.01))
    owner = store.acquire("another", ttl_s=60)
    progress = store.study(dead.study).progress
    assert (progress.rollouts_finished, progress.rollouts_reserved) == (3, 0)
    assert [rollout.id for rollout in store.rollouts(dead.study).items] == ids[:3]
    assert store.events(dead.study)[-1].kind == "rollouts_requeued"
    assert store.events(dead.study)[-1].data == {"count": 7}
    assert reserve(store, owner, 10, usd=0.1) == ids[3:]  # the budget came back with them


def test_what_a_released_lease_left_open_is_requeued(store):
    lease = searching(store)
    reserve(store, lease, 2)
    store.release(lease)
    assert store.study(lease.study).progress.rollouts_reserved == 0
    assert store.rollouts(lease.study).items == ()


def test_active_time_is_the_owners_and_ends_with_its_lease(store):
    lease = searching(store, ttl_s=0)
    store.renew(lease, ttl_s=60)
    assert store.study(lease.study).active_s == 0  # no lease was running yet
    store.renew(lease, ttl_s=0)
    active_s = store.study(lease.study).active_s
    assert active_s > 0
    store.renew(lease, ttl_s=0)
    assert store.study(lease.study).active_s == active_s


# --- the budget -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ceiling", [{"rollouts": 40}, {"tokens": 4000}, {"usd": 4.0}], ids=lambda ceiling: next(iter(ceiling)))
def test_a_budget_is_a_ceiling_under_many_threads(store, ceiling):
    lease = searching(store, spec(**ceiling))

    def work(thread: int) -> list[str]:
        mine: list[str] = []
        while got := store.reserve(lease, [new(lease.study, thread * 1000 + len(mine), usd=0.1)]):
            mine += got
            if thread % 2:  # what is settled is spent, to the last token
                store.commit(lease, result(got[0], tokens=100, cost_usd=0.1))
        return mine

    assert sum(map(len, at_once(16, work))) == 40
    progress = store.study(lease.study).progress
    assert progress.rollouts_finished + progress.rollouts_reserved == 40
    assert progress.spend.usage.total == 100 * progress.rollouts_finished


def test_a_tenth_of_a_dollar_fits_three_times_into_three_tenths(store):
    lease = searching(store, spec(usd=0.3))
    ids = reserve(store, lease, 4, usd=0.1)
    assert len(ids) == 3
    for rollout in ids:
        store.commit(lease, result(rollout, cost_usd=0.1))
    assert store.study(lease.study).progress.spend.cost_usd == 0.3


def test_what_a_rollout_did_not_use_of_its_reservation_is_free_again(store):
    lease = searching(store, spec(tokens=250))
    first = reserve(store, lease, 3)
    assert len(first) == 2
    store.commit(lease, result(first[0], tokens=50))
    assert reserve(store, lease, 3) == [first[1], new(lease.study, 2).id]
    assert reserve(store, lease, 4) == [first[1], new(lease.study, 2).id]


def test_reserving_again_books_nothing_and_skips_what_is_finished(store):
    lease = searching(store, spec(rollouts=2))
    ids = reserve(store, lease, 2)
    assert reserve(store, lease, 2) == ids
    assert store.study(lease.study).progress.rollouts_reserved == 2
    store.commit(lease, result(ids[0]))
    assert reserve(store, lease, 2) == ids[1:]


def test_nothing_is_reserved_when_the_time_is_over(store):
    assert reserve(store, searching(store, spec(wall_time_s=3600)), 1)
    assert not reserve(store, searching(store, spec(wall_time_s=1e-9)), 1)


def test_an_invalid_rollout_counts_in_the_bill_but_not_against_the_rollouts(store):
    lease = searching(store, spec(rollouts=1, tokens=10_000))
    (rollout,) = reserve(store, lease, 1)
    store.commit(lease, result(rollout, None, tokens=70, cost_usd=0.5, error="the engine died"))
    progress = store.study(lease.study).progress
    assert (progress.rollouts_finished, progress.rollouts_invalid, progress.rollouts_reserved) == (0, 1, 0)
    assert (progress.spend.usage.total, progress.spend.cost_usd) == (70, 0.5)
    assert len(store.reserve(lease, [new(lease.study, 1), new(lease.study, 2)])) == 1


def test_a_retried_attempt_is_paid_and_keeps_its_reservation(store):
    lease = searching(store, spec(rollouts=1, tokens=300))
    (rollout,) = reserve(store, lease, 1)
    assert store.record_retry(lease, result(rollout, None, tokens=90))
    progress = store.study(lease.study).progress
    assert (progress.retries, progress.rollouts_reserved, progress.spend.usage.total) == (1, 1, 90)
    assert store.rollout(rollout).retries == 1
    assert store.commit(lease, result(rollout, tokens=100))
    assert store.study(lease.study).progress.spend.usage.total == 190
    assert not store.record_retry(lease, result(rollout, None, tokens=90))


def test_a_retry_that_would_pass_a_ceiling_is_refused_with_nothing_booked(store):
    lease = searching(store, spec(tokens=150))
    (rollout,) = reserve(store, lease, 1)
    assert not store.record_retry(lease, result(rollout, None, tokens=60))  # with the next attempt's 100 that makes 160
    assert store.study(lease.study).progress.spend == Spend()
    assert store.commit(lease, result(rollout, None, tokens=60))


@pytest.mark.parametrize("cost", [None, float("nan"), float("inf"), -1.0])
def test_an_unknown_cost_stays_unknown_and_ends_a_budget_in_dollars(store, cost):
    lease = searching(store, spec(usd=100))
    first, second = reserve(store, lease, 2, usd=1)
    store.commit(lease, result(first, cost_usd=cost))
    store.commit(lease, result(second, cost_usd=0.25))
    assert store.study(lease.study).progress.spend.cost_usd is None
    assert store.rollout(first).spend.cost_usd is None
    assert store.rollout(second).spend.cost_usd == 0.25
    assert store.reserve(lease, [new(lease.study, 7, usd=1)]) == []


def test_a_rollout_without_a_price_does_not_start_under_a_budget_in_dollars(store):
    assert reserve(store, searching(store, spec(usd=100)), 1, usd=None) == []


def test_a_count_beyond_every_integer_does_not_lose_the_rollout(store):
    lease = searching(store, spec())
    first, second = reserve(store, lease, 2, tokens=10**25)
    assert store.commit(lease, result(first, tokens=10**25, cost_usd=1e300))
    assert store.commit(lease, result(second, tokens=10**25))
    assert store.study(lease.study).progress.spend.usage.total >= 2**63 - 1
    assert store.rollout(first).spend.cost_usd == 1e300


def test_a_trial_is_one_candidate_and_a_candidate_one_trial(store):
    lease = searching(store)
    reserve(store, lease, 1, trial=1)
    for clash in (new(lease.study, 5, trial=1, of=configuration(2)), new(lease.study, 5, trial=2, of=configuration(1))):
        with pytest.raises(Conflict, match="trial"):
            store.reserve(lease, [clash])
    assert store.study(lease.study).progress.rollouts_reserved == 1
    assert [trial.number for trial in store.trials(lease.study).items] == [1]


def test_a_configuration_with_other_words_is_another_trial_and_both_keep_their_own_rollouts(store):
    lease = searching(store)
    for trial, words, score in ((0, "old words", 1.0), (1, "new words", 0.0)):
        (rollout,) = store.reserve(lease, [new(lease.study, 0, trial=trial, of=configuration(0), candidate=words)])
        store.commit(lease, result(rollout, score))
    with pytest.raises(Conflict, match=r"trial 0 cannot have candidate new words.*has old words, and new words is trial 1"):
        store.reserve(lease, [new(lease.study, 1, trial=0, of=configuration(0), candidate="new words")])
    trials = store.trials(lease.study).items
    assert [(t.candidate, t.mean_score, t.configuration) for t in trials] == [
        ("old words", 1.0, configuration(0)),
        ("new words", 0.0, configuration(0)),
    ]
    started = [event.data for event in store.events(lease.study) if event.kind == "trial_started"]
    assert [data["candidate"] for data in started] == ["old words", "new words"]


# --- results --------------------------------------------------------------------------------------------------------------
def test_a_rollout_counts_once_when_it_is_committed_by_many_at_once(store):
    lease = searching(store)
    (rollout,) = reserve(store, lease, 1)
    assert sorted(at_once(8, lambda _: store.commit(lease, result(rollout, cost_usd=1, tokens=5)))) == [False] * 7 + [True]
    progress = store.study(lease.study).progress
    assert (progress.rollouts_finished, progress.rollouts_reserved) == (1, 0)
    assert (progress.spend.cost_usd, progress.spend.usage.total, progress.spend.model_calls) == (1, 5, 1)
    assert event_numbers_and_kinds(store, lease.study)[1].count("rollout_finished") == 1


def test_the_first_result_stands(store):
    lease = searching(store)
    (rollout,) = reserve(store, lease, 1)
    store.commit(lease, result(rollout, 0.25))
    store.commit(lease, result(rollout, 0.75))
    assert store.rollout(rollout).score == 0.25


def test_a_result_is_read_back_as_it_was_committed(store):
    lease = searching(store)
    (rollout,) = reserve(store, lease, 1, split=Split.held_out)
    label = FailureLabel(code=FailureCode.loop, rule="same call thrice", step=7)
    given = result(rollout, 0.125, label=label, cost_usd=0.07, tokens=11)
    store.commit(lease, given)
    kept = store.rollout(rollout)
    assert (kept.score, kept.label, kept.submission, kept.identity, kept.spend, kept.sandbox) == (
        given.score, label, given.submission, given.identity, given.spend, given.sandbox,
    )  # fmt: skip
    assert (kept.state, kept.split, kept.finished_order) == (RolloutState.finished, Split.held_out, 1)
    assert kept.configuration == configuration(0)
    assert store.transcript(rollout) == given.transcript
    assert store.events(lease.study)[-1].data == {
        "id": rollout, "trial": 0, "task": "task-0", "split": "held_out", "epoch": 0, "score": 0.125, "label": "loop",
        "cost_usd": 0.07,
    }  # fmt: skip


def test_only_a_reserved_rollout_of_the_same_study_can_be_committed(store):
    lease, other = searching(store), searching(store)
    (rollout,) = reserve(store, other, 1)
    for stranger in (rollout, "no such rollout"):
        for write in (store.commit, store.record_retry):
            with pytest.raises(NotFound, match="not reserved"):
                write(lease, result(stranger))


def test_the_last_report_and_trial_state_stand(store):
    lease = searching(store)
    reserve(store, lease, 1)
    store.save_report(lease, {"best": 1})
    store.save_report(lease, {"best": 2})
    assert store.study(lease.study).report == {"best": 2}
    store.set_trial_state(lease, 0, TrialState.pruned)
    assert store.trials(lease.study).items[0].state is TrialState.pruned
    with pytest.raises(NotFound, match="trial 5"):
        store.set_trial_state(lease, 5, TrialState.pruned)


def test_events_have_no_gaps_however_many_write_at_once(store):
    lease = searching(store)
    ids = reserve(store, lease, 24)

    def work(thread: int) -> None:
        if thread == 0:
            for phase in (Phase.paused, Phase.queued, Phase.searching) * 3:
                store.transition(lease.study, phase)
        else:
            for rollout in ids[thread - 1 :: 6]:
                store.commit(lease, result(rollout))

    assert at_once(7, work) == [None] * 7
    numbers, kinds = event_numbers_and_kinds(store, lease.study)
    assert numbers == list(range(1, len(numbers) + 1))
    assert (kinds.count("rollout_finished"), kinds.count("phase_changed")) == (24, 10)
    orders = [rollout.finished_order for rollout in store.rollouts(lease.study).items]
    assert orders == list(range(1, 25))
    assert [event.number for event in store.events(lease.study, after=3, limit=2)] == [4, 5]


COMMITTER = """
import sys
from service.db import open_store
from unhobble.records import Lease
from unhobble.results import RolloutResult
url, lease, template = sys.argv[1:]
with open_store(url) as store:
    for rollout in sys.stdin.read().split():
        result = RolloutResult.model_validate_json(template.replace("THIS ROLLOUT", rollout))
        assert store.commit(Lease.model_validate_json(lease), result)
        print(rollout, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 25])
def test_a_process_killed_amid_its_commits_loses_none_that_was_acknowledged(store, url, acknowledged):
    lease = searching(store, spec(rollouts=5000), ttl_s=0)
    ids = reserve(store, lease, 1500)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMITTER, url, lease.model_dump_json(), result("THIS ROLLOUT", tokens=3).model_dump_json()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        process.stdin.write("\n".join(ids))
        process.stdin.close()
        heard = [process.stdout.readline().strip() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        heard += process.stdout.read().split()
    finished = [rollout.id for rollout in store.rollouts(lease.study, RolloutFilter(state=RolloutState.finished), limit=9999).items]
    assert acknowledged <= len(heard) <= len(finished) < len(ids)
    assert finished[: len(heard)] == heard
    progress = store.study(lease.study).progress
    assert (progress.rollouts_finished, progress.rollouts_reserved) == (len(finished), len(ids) - len(finished))
    assert progress.spend.usage.total == 3 * len(finished)
    numbers, kinds = event_numbers_and_kinds(store, lease.study)
    assert numbers == list(range(1, len(numbers) + 1))
    assert kinds.count("rollout_finished") == len(finished)
    assert all(store.transcript(rollout).steps for rollout in finished)
    assert store.acquire("the next", ttl_s=60).study == lease.study


# --- hostile text ---------------------------------------------------------------------------------------------------------
def test_hostile_text_of_users_comes_back_as_it_was(store):
    given = spec(HOSTILE, params={HOSTILE: [SURROGATE, {"nested": "\x00"}]})
    key = HOSTILE + SURROGATE
    study = store.create_study(given, idempotency_key=key)
    assert store.study(study.id).spec == given
    assert store.create_study(given, idempotency_key=key).id == study.id
    lease = store.acquire("me", ttl_s=60)
    store.transition(study.id, Phase.searching, lease=lease)
    hostile = Configuration({"prompt": HOSTILE, "scaffold.words": SURROGATE})
    (rollout,) = store.reserve(lease, [new(study.id, 1, of=hostile)])
    assert store.rollout(rollout).configuration.root == hostile.root
    assert store.trials(study.id).items[0].configuration.root == hostile.root
    assert store.events(study.id)[-1].data["configuration"] == hostile.root
    store.save_report(lease, {"words": HOSTILE + SURROGATE})
    assert store.study(study.id).report == {"words": HOSTILE + SURROGATE}


def test_hostile_text_of_models_does_not_lose_the_rollout(store):
    lease = searching(store)
    (rollout,) = reserve(store, lease, 1)
    call = ToolCall(id="1", name="bash", arguments={"command": HOSTILE + SURROGATE})
    transcript = Transcript(steps=(CallStep(call=call, text=HOSTILE + SURROGATE, failed=False),))
    store.commit(lease, result(rollout, None, transcript=transcript, error=HOSTILE + SURROGATE))
    assert store.transcript(rollout) == transcript
    assert store.rollout(rollout).error.endswith("half a character: \ufffd")


@pytest.mark.parametrize("text", [HOSTILE, SURROGATE, ""])
def test_hostile_text_in_a_look_up_is_no_more_than_not_found(store, text):
    lease = searching(store)
    for ask in (store.study, store.rollout, store.transcript, store.trials, store.rollouts, store.events, store.delete_study):
        with pytest.raises(NotFound):
            ask(text)
    assert store.rollouts(lease.study, RolloutFilter(task=text)).items == ()
    assert store.acquire(text, ttl_s=60, study_id=text) is None
    assert "half a character" not in text or store.transition(lease.study, Phase.paused, reason=text).reason


def test_a_task_with_a_hostile_name_is_found_by_that_name(store):
    lease = searching(store)
    (rollout,) = store.reserve(lease, [new(lease.study, 1, task=HOSTILE)])
    assert [found.id for found in store.rollouts(lease.study, RolloutFilter(task=HOSTILE)).items] == [rollout]


# --- listings -------------------------------------------------------------------------------------------------------------
def test_a_walk_through_the_studies_sees_each_once_while_more_come_in(store):
    there = [store.create_study(spec(str(number))).id for number in range(7)]
    seen = walk(lambda cursor: store.studies(limit=2, cursor=cursor), lambda s: s.id, lambda: store.create_study(spec()))
    assert seen == there[::-1]


@pytest.mark.parametrize("order", ["number", "score"])
def test_a_walk_through_the_trials_sees_each_once_while_scores_change(store, order):
    lease = searching(store)
    for trial in range(9):
        reserve(store, lease, 3, trial=trial)
        if trial != 4:
            store.commit(lease, result(new(lease.study, 0, trial=trial).id, (trial % 3) / 3))
    more = iter(range(100, 200))
    scores = iter([(8, 0.0), (0, 1.0), (4, 1.0), (2, 0.0), (6, 1.0)])

    def change() -> None:
        reserve(store, lease, 1, trial=next(more))
        if (after := next(scores, None)) is not None:
            store.commit(lease, result(new(lease.study, 1, trial=after[0]).id, after[1]))

    seen = walk(lambda cursor: store.trials(lease.study, limit=2, cursor=cursor, order=order), lambda t: t.number, change)
    expected = {"number": list(range(9)), "score": [2, 5, 8, 1, 7, 0, 3, 6, 4]}  # as at the first page
    assert [number for number in seen if number < 100] == expected[order]


def test_a_trial_shows_what_was_scored_on_the_search_split(store):
    lease = searching(store)
    for number, (score, split) in enumerate(
        [(1.0, Split.search), (0.5, Split.search), (0.0, Split.held_out), (None, Split.search)]
    ):
        (rollout,) = store.reserve(lease, [new(lease.study, number, split=split)])
        store.commit(lease, result(rollout, score))
    (trial,) = store.trials(lease.study).items
    assert (trial.scored, trial.mean_score, trial.state) == (2, 0.75, TrialState.running)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_walk_through_the_rollouts_sees_each_once_while_they_finish(store, limit):
    lease = searching(store)
    there = reserve(store, lease, 12)
    for rollout in there[:4]:
        store.commit(lease, result(rollout))
    to_finish, to_start = iter(there[4:]), iter(range(100, 200))

    def change() -> None:
        store.reserve(lease, [new(lease.study, next(to_start))])
        if (rollout := next(to_finish, None)) is not None:
            store.commit(lease, result(rollout))

    seen = walk(lambda cursor: store.rollouts(lease.study, limit=limit, cursor=cursor), lambda r: r.id, change)
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)
    assert seen[:4] == there[:4]


def test_a_filter_holds_in_all_of_its_fields(store):
    lease = searching(store)
    label = {0: FailureCode.loop, 1: FailureCode.refusal, 2: FailureCode.wrong_answer}
    for trial, number in product(range(2), range(4)):
        reserved = new(lease.study, number, trial=trial, split=Split.held_out if number == 3 else Split.search)
        store.reserve(lease, [reserved])
        if number in label:
            store.commit(lease, result(reserved.id, 0.0, label=FailureLabel(code=label[number], rule="a rule")))

    def found(**where: Any) -> list[tuple[int, str]]:
        return sorted((r.trial, r.task) for r in store.rollouts(lease.study, RolloutFilter(**where)).items)

    assert len(found()) == 8
    assert found(trial=1, task="task-2") == [(1, "task-2")]
    assert found(split=Split.held_out) == found(state=RolloutState.reserved) == [(0, "task-3"), (1, "task-3")]
    assert found(failure_class=FailureClass.spurious, trial=0) == [(0, "task-0"), (0, "task-1")]
    assert found(failure_class=FailureClass.invalid) == []


def test_a_cursor_of_another_listing_or_of_nobody_is_refused(store):
    lease = searching(store)
    searching(store)
    cursor = store.studies(limit=1).next_cursor
    for bad in ("", "x", "💥", "!!!!", "e30", cursor[:-3], cursor + "AAAA", json.dumps(["rollouts", {}])):
        with pytest.raises(BadInput, match="cursor"):
            store.studies(cursor=bad)
    for listing in (store.trials, store.rollouts):
        with pytest.raises(BadInput, match="cursor"):
            listing(lease.study, cursor=cursor)
    with pytest.raises(BadInput, match="number and score"):
        store.trials(lease.study, order="luck")
