"""The same study gives the same rollouts, whether its organism (a simulated model) answers in process or over HTTP."""

from collections.abc import Iterator

import pytest

from service.controller import Controller
from service.db import open_store
from service.paging import all_rollouts
from service.workers import inline_pools
from tests.service.search.test_loop import study_spec
from unhobble.models.organism.server import serving
from unhobble.protocols import StudyStore
from unhobble.records import RolloutFilter
from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.transcript import AnswerStep, CallStep, Step
from unhobble.vocabulary import Phase

pytestmark = pytest.mark.slow

TASKS = ("log_count_503", "sql_inactive_customers", "py_tariff_closures", "algo_cell_references", "enc_inbox_to_utf8")
ORGANISM = "organism/format-bound"


@pytest.fixture
def store(tmp_path) -> Iterator[StudyStore]:
    with open_store(f"sqlite:///{tmp_path / 'unhobble.db'}") as opened:
        yield opened


def what_happened(steps: tuple[Step, ...]) -> list[object]:
    """What was said and done; what a provider adds to an answer aside, and outputs, which tell the time (``ls -l``)."""
    answers = [(s.purpose, s.answer.content, s.answer.tool_calls, s.answer.usage) for s in steps if isinstance(s, AnswerStep)]
    return [*answers, *((s.call, s.exit_code) for s in steps if isinstance(s, CallStep))]


async def rollouts(store: StudyStore, *, concurrency: int, **model: object) -> dict[tuple[str, str, int, str], list[object]]:
    """Run a study to its end; its rollouts by configuration, task, epoch and split, in the order in which they ended."""
    spec = study_spec(
        model={"id": ORGANISM} | model,
        suite={"id": "builtin/shell", "tasks": TASKS},
        budget={"rollouts": 30},
        search={"strategy": "tpe", "concurrency": concurrency, "seed": 7},
    ).model_copy(update={"sandbox": SandboxSpec(backend="bubblewrap")})
    study = store.create_study(spec).id
    await Controller(store, installed(), inline_pools(installed())).run_one(study)
    assert store.study(study).phase is Phase.completed
    found = sorted(all_rollouts(store, study, RolloutFilter()), key=lambda rollout: rollout.finished_order or 0)
    return {
        (r.configuration.hash, r.task, r.epoch, r.split.value): [
            r.score,
            r.label and r.label.code,
            r.submission,
            *what_happened(store.transcript(r.id).steps),
        ]
        for r in found
    }


async def test_the_same_study_twice_gives_the_same_rollouts_in_the_same_order(store):
    first, again = [await rollouts(store, concurrency=1) for _ in range(2)]
    assert list(first.items()) == list(again.items())
    assert len(first) > 25


async def test_a_study_over_http_gives_the_rollouts_that_it_gives_in_process(store):
    in_process = await rollouts(store, concurrency=1)
    with serving() as address:
        served = await rollouts(store, concurrency=1, id=f"openai/{ORGANISM}", api_base=address)
    assert list(served.items()) == list(in_process.items())


async def test_however_many_rollouts_are_under_way_each_gives_what_it_gives_alone(store):
    alone, together = await rollouts(store, concurrency=1), await rollouts(store, concurrency=4)
    shared = alone.keys() & together.keys()
    assert len(shared) >= 5
    assert {key: together[key] for key in shared} == {key: alone[key] for key in shared}
