"""What leaves a study reproduces its figure: as a replay, and as the baseline of another study. Real sandboxes, inline pool."""

import asyncio

import pytest

from service.controller import Controller
from service.db import open_store
from service.exports import BestConfiguration
from service.studies import Studies, findings_of
from service.workers import inline_pools
from unhobble.errors import BadInput
from unhobble.records import StudyRecord
from unhobble.registry import installed
from unhobble.vocabulary import Phase

STUDY = {
    "name": "exported",
    "model": {"id": "organism/format-bound"},
    "suite": {
        "id": "builtin/shell",
        "tasks": [
            *("algo_cell_references", "algo_build_order", "enc_inbox_to_utf8", "enc_bill_of_contents", "log_count_503"),
            *("log_ssh_break_in", "sql_inactive_customers", "sql_room_occupancy", "text_effective_settings", "data_invoice_totals"),
        ],
    },
    "space": "tool-formats",
    "budget": {"rollouts": 80},
    # One at a time, so that the outcomes come in one order and the whole study is the same each time.
    "search": {"strategy": "random", "concurrency": 1, "finalists": 1, "confirm_fraction": 0.4, "options": {"first_tasks": 3}},
    "sandbox": {"backend": "bubblewrap"},
}


def play(store, document) -> StudyRecord:
    async def submit_and_run() -> str:
        study = (await Studies(store, installed()).submit(document)).id
        await Controller(store, installed(), inline_pools(installed())).run_one(study)
        return study

    record = store.study(asyncio.run(submit_and_run()))
    assert record.phase is Phase.completed, record.reason
    return record


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('export') / 'unhobble.db'}") as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(store) -> BestConfiguration:
    return BestConfiguration.read(Studies(store, installed()).best(play(store, STUDY).id).to_yaml())


@pytest.mark.slow
def test_the_export_holds_a_format_that_frees_the_organism_and_says_that_it_is_simulated(exported):
    assert exported.configuration.root["tool_format"] != "native"
    assert exported.baseline.root["tool_format"] == "native"
    assert exported.held_out_rate.mean > exported.baseline_rate.mean
    assert exported.simulated
    assert exported.model.api_key_env is None
    assert "SIMULATED" in exported.to_yaml()


@pytest.mark.slow
def test_as_the_baseline_of_another_study_it_reproduces_its_rate_within_its_interval(exported, store):
    other_seed = {"search": STUDY["search"] | {"seed": 11}}
    again = play(store, STUDY | other_seed | {"baseline": exported.configuration.root})
    confirmed = findings_of(again).confirmed
    assert confirmed.baseline.configuration == exported.configuration
    assert exported.held_out_rate.low <= confirmed.baseline.rate.mean <= exported.held_out_rate.high


@pytest.mark.parametrize(
    ("text", "says"), [("format: [", "neither YAML nor JSON"), ("format: 2", "format"), ("{}", "configuration: is missing")]
)
def test_a_file_that_is_no_export_is_refused_with_what_is_wrong(text, says):
    with pytest.raises(BadInput, match=says):
        BestConfiguration.read(text)
