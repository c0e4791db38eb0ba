"""Studies on the database of this machine, and what is asked of a service that is not there."""

import asyncio
import json

import pytest
import yaml

from service.exports import BestConfiguration
from tests.service.commands.conftest import STUDY
from tests.service.search.test_confirmation import dear
from tests.service.search.test_loop import RulePool
from tests.service.search.test_loop import run as run_study
from tests.service.search.test_tracks import advantage_is_all, spec_with
from tests.service.test_advantage_door import space
from tests.unhobble.analysis.test_report import OLD
from unhobble.analysis.report import Findings
from unhobble.spec import StudySpec
from unhobble.vocabulary import Phase


def test_there_may_be_no_studies_yet(unhobble):
    said = unhobble("list")
    assert said.code == 0
    assert "no studies yet" in said.out


def test_studies_are_listed_newest_first_with_their_figures(unhobble, completed, queued):
    found = unhobble("list", "--json").json["studies"]
    assert [study["id"] for study in found] == [queued, completed]
    words = unhobble("list").words
    assert completed in words
    assert "(SIMULATED)" in words
    assert "confirmed" in words
    assert len(unhobble("list", "--limit", 1, "--json").json["studies"]) == 1


def test_a_finished_study_is_shown_with_its_gain_its_obstacles_and_its_caveats(unhobble, completed):
    words = unhobble("show", completed).words
    for expected in ("SIMULATED MODEL", "held-out tasks", "gain +1.00", "tool_format xml_tags baseline: native", "lower bound"):
        assert expected in words, expected
    assert "labelled spurious" in words
    assert "empirically fixed" in words


def test_a_finished_study_says_why_its_search_ended_what_it_can_tell_and_what_resampling_would_do(unhobble, store):
    study = store.create_study(StudySpec.model_validate(STUDY)).id
    asyncio.run(run_study(store, study, RulePool(dear(1.5))))
    words = unhobble("show", study).words
    assert "The search had all of its" in words
    assert "By the spread that the search saw, a gain of" in words
    assert "Does it beat plain resampling of the baseline? " in words
    assert "baseline, best of 2 attempts" in words
    assert "costs 1.50 times as much as one of the baseline (in usd)" in words
    assert "an upper limit of resampling" in words


def test_a_best_that_is_cheaper_is_said_to_gain_by_no_spending(unhobble, store):
    study = store.create_study(StudySpec.model_validate(STUDY)).id
    asyncio.run(run_study(store, study, RulePool(dear(0.5))))
    words = unhobble("show", study).words
    assert "costs 0.50 times as much as one of the baseline (in usd): what it gains is not bought by spending more" in words
    assert "Does it beat" not in words


def test_a_study_that_has_not_begun_can_be_shown(unhobble, queued):
    words = unhobble("show", queued).words
    assert "waiting for a controller" in words
    assert "SIMULATED" in words


def test_json_is_what_the_api_gives(unhobble, completed):
    shown = unhobble("show", completed, "--json").json
    assert (shown["id"], shown["phase"], shown["simulated"]) == (completed, "completed", True)
    assert shown["findings"]["confirmed"]["difference"]["mean"] == 1.0


@pytest.mark.parametrize("command", ["show", "watch", "pause", "resume", "cancel", "export"])
def test_a_study_that_does_not_exist_is_bad_input(unhobble, command):
    said = unhobble(command, "nothing", "--json")
    assert said.code == 2
    assert "nothing" in said.json["error"]


def test_a_study_can_be_paused_resumed_and_cancelled_here(unhobble, store, queued):
    assert unhobble("pause", queued).code == 0
    assert store.study(queued).phase is Phase.paused
    said = unhobble("resume", queued)
    assert store.study(queued).phase is Phase.queued
    assert f"unhobble run --resume {queued}" in said.err
    assert unhobble("cancel", queued, "--json").json["phase"] == "cancelled"


def test_what_the_phase_does_not_allow_fails_and_says_why(unhobble, completed):
    said = unhobble("pause", completed, "--json")
    assert said.code == 1
    assert "completed" in said.json["error"]


def test_watching_a_finished_study_shows_it_and_tells_how_it_ended(unhobble, store, completed, queued):
    said = unhobble("watch", completed)
    assert said.code == 0
    assert "gain" in said.out
    assert "completed" in said.err
    store.transition(queued, Phase.cancelled)
    assert unhobble("watch", queued).code == 1


def test_the_best_configuration_is_written_to_a_file_that_can_be_read_back(unhobble, completed, tmp_path):
    said = unhobble("export", completed, "-o", tmp_path / "best.yaml")
    assert said.code == 0
    best = BestConfiguration.read((tmp_path / "best.yaml").read_text())
    assert best.configuration.root["tool_format"] == "xml_tags"
    assert "unhobble replay" in said.out
    assert yaml.safe_load(unhobble("export", completed).out)["study"] == completed
    assert unhobble("export", completed, "--json").json["study"] == completed
    assert unhobble("export", completed, "--format", "json").json["study"] == completed


def test_nothing_is_exported_before_it_is_confirmed(unhobble, queued):
    said = unhobble("export", queued)
    assert said.code == 1
    assert "nothing is confirmed" in said.words


def test_a_file_that_cannot_be_written_is_bad_input(unhobble, completed, tmp_path):
    assert unhobble("export", completed, "-o", tmp_path / "no" / "such" / "folder").code == 2


def test_submitting_without_a_service_says_what_to_do(unhobble, tmp_path):
    (tmp_path / "study.yaml").write_text("name: x\n")
    said = unhobble("submit", tmp_path / "study.yaml")
    assert said.code == 2
    assert "unhobble serve" in said.words
    assert "unhobble run" in said.words


def test_a_service_that_cannot_be_reached_is_said_without_a_traceback(unhobble):
    said = unhobble("list", "--server", "http://127.0.0.1:1", "--json")
    assert said.code == 1
    assert "cannot be reached" in said.json["error"]
    assert unhobble("list", "--server", "somewhere").code == 2


@pytest.mark.parametrize("url", ["mysql://x", "sqlite:////proc/none/x.db", "sqlite:////etc/passwd"])
def test_a_database_that_cannot_be_used_is_bad_input(unhobble, url):
    said = unhobble("list", "--database", url)
    assert said.code == 2
    assert "database" in said.err


# --- with and without advantage -------------------------------------------------------------------------------------------
@pytest.fixture
def advantaged(store) -> str:
    spec = spec_with(space=space(tool_format=["native", "xml_tags"], advantage__attempts=[1, 3], advantage__hints=[False, True]))
    study = store.create_study(spec).id
    asyncio.run(run_study(store, study, RulePool(advantage_is_all)))
    return study


@pytest.mark.slow
def test_what_has_an_advantage_is_shown_apart_and_marked_and_not_as_the_best(unhobble, advantaged):
    words = unhobble("show", advantaged).words
    headline, *apart = words.split("WITH EVALUATOR ADVANTAGE")
    assert "WITHOUT ADVANTAGE Score on" in headline
    assert "advantage.attempts 1" in headline
    assert len(apart) == 2
    assert apart[0].startswith(" hints from the task Not ranked with the figures above.")
    assert apart[1].startswith(" 3 attempts judged by the true scorer")
    assert "baseline, without 0 0.00" in apart[0]
    assert "best, with " in apart[0]
    assert "advantage.hints True baseline: False" in apart[0]
    assert f"unhobble export {advantaged} --track with-advantage-true-scorer" in apart[1]
    assert "no finalist did better" in apart[1] or "The figures of trial" in apart[1]


@pytest.mark.slow
def test_the_list_of_studies_shows_the_headline_s_figure_alone(unhobble, store, advantaged):
    found = Findings.model_validate(store.study(advantaged).report).confirmed
    words = unhobble("list").words
    assert f"{found.best.rate.mean:.2f} (" in words
    assert "1.00 (" not in words


@pytest.mark.slow
def test_a_track_is_exported_by_its_name_and_the_headline_without_one(unhobble, advantaged, tmp_path):
    plain = unhobble("export", advantaged, "--json").json
    apart = unhobble("export", advantaged, "--track", "with-advantage", "--json").json
    assert (plain["track"]["advantage"], plain["advantage"]) == (False, [])
    assert (apart["track"]["advantage"], apart["advantage"]) == (True, ["hints from the task"])
    assert "WITH EVALUATOR ADVANTAGE" in unhobble("export", advantaged, "--track", "with-advantage").out.partition("format:")[0]
    said = unhobble("export", advantaged, "--track", "nobody")
    assert said.code == 2
    assert "with-advantage-true-scorer" in said.words


def test_a_study_stored_before_there_were_tracks_can_be_shown_listed_and_exported(unhobble, store, queued):
    """As an earlier version left it: findings without the fields that were added since."""
    lease = store.acquire("me", ttl_s=30, study_id=queued)
    store.save_report(lease, json.loads(OLD.read_text()))
    store.release(lease)
    words = unhobble("show", queued).words
    assert "gain +1.00" in words
    assert "ADVANTAGE" not in words
    assert "1.00 (" in unhobble("list").words
    assert unhobble("export", queued, "--json").json["track"] == {"advantage": False, "oracle_access": "none"}
