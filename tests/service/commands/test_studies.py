"""Studies on the database of this machine, and what is asked of a service that is not there."""

import pytest
import yaml

from service.exports import BestConfiguration
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
