"""Who runs a study, and what a study that cannot be run looks like."""

import asyncio

import pytest

from service.controller import Controller
from service.db import open_store
from tests.service.search.test_loop import RulePool, is_xml, study_spec
from unhobble.errors import Conflict
from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.vocabulary import Phase

pytestmark = pytest.mark.slow  # real sandboxes or whole studies, dozens of times


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'unhobble.db'}") as opened:
        yield opened


def bubblewrapped(**changes):
    return study_spec(**changes).model_copy(update={"sandbox": SandboxSpec(backend="bubblewrap")})


def controller(store, rule=is_xml) -> Controller:
    return Controller(store, installed(), lambda _: RulePool(rule))


async def test_a_study_is_run_to_its_end_and_its_lease_given_back(store):
    study = store.create_study(bubblewrapped()).id
    await controller(store).run_one(study)
    assert store.study(study).phase is Phase.completed
    with pytest.raises(Conflict, match="completed"):
        await controller(store).run_one(study)


async def test_the_study_of_a_dead_owner_is_taken_up_once_its_lease_has_run_out(store):
    study = store.create_study(bubblewrapped()).id
    assert store.acquire("the dead", ttl_s=1.0, study_id=study)
    await controller(store).run_one(study)
    assert store.study(study).phase is Phase.completed


async def test_a_controller_takes_every_study_that_has_work_to_do(store):
    studies = [store.create_study(bubblewrapped()).id for _ in range(3)]
    serving = asyncio.create_task(controller(store).serve(studies_at_once=2))
    async with asyncio.timeout(120):
        while not all(store.study(study).phase.is_final for study in studies):
            await asyncio.sleep(0.1)
    assert [(store.study(study).phase, store.study(study).reason) for study in studies] == [(Phase.completed, "")] * 3
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_a_study_whose_sandbox_is_gone_fails_with_what_to_do(store):
    study = store.create_study(study_spec()).id  # its backend does not exist
    await controller(store).run_one(study)
    record = store.study(study)
    assert record.phase is Phase.failed
    assert "bubblewrap, docker" in record.reason


async def test_a_bug_fails_the_study_and_is_named(store):
    def broken(spec):
        raise ZeroDivisionError("a bug")

    study = store.create_study(bubblewrapped()).id
    await controller(store, broken).run_one(study)
    assert store.study(study).reason == "internal error: ZeroDivisionError: a bug"
