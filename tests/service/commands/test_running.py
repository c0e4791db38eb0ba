"""``run`` and ``demo``: bad input at the door; and, with real workers, a study that is interrupted and taken up again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from service.db import open_store
from tests.service.commands.conftest import STUDY
from unhobble.vocabulary import Phase

TASKS = ["log_count_503", "sql_inactive_customers", "py_tariff_closures", "algo_cell_references", "enc_inbox_to_utf8"]


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(STUDY | changes))
        return path

    return write


def test_everything_wrong_with_a_study_is_said_at_once_with_its_paths(unhobble, written, store):
    path = written(budget={"rollouts": 3}, space="nowhere", model={"id": "organism/nobody"})
    errors = {error["path"] for error in unhobble("run", path, "--json").json["errors"]}
    assert {"budget.rollouts", "space", "model.id"} <= errors
    said = unhobble("run", path)
    assert said.code == 2
    assert "things are wrong" in said.err
    assert store.studies().items == ()


def test_a_study_needs_exactly_one_beginning(unhobble, written, tmp_path):
    assert unhobble("run").code == 2
    assert unhobble("run", written(), "--resume", "x").code == 2
    assert unhobble("run", "--resume", "x", "--baseline", tmp_path / "best.yaml").code == 2


def test_what_does_not_exist_or_has_ended_cannot_be_taken_up(unhobble, completed):
    assert unhobble("run", "--resume", "nothing").code == 2
    said = unhobble("run", "--resume", completed, "--json")
    assert said.code == 1
    assert "nothing to go on with" in said.json["error"]


def test_the_baseline_of_an_export_becomes_the_baseline_of_the_study(unhobble, completed, tmp_path):
    from pathlib import Path

    from service.commands.running import _with_baseline

    unhobble("export", completed, "-o", tmp_path / "best.yaml")
    document = _with_baseline(dict(STUDY), Path(tmp_path / "best.yaml"))
    assert document["baseline"]["tool_format"] == "xml_tags"
    assert _with_baseline(dict(STUDY), None) == STUDY


def test_the_demo_refuses_a_backend_that_does_not_exist_and_a_budget_that_is_too_small(unhobble, home):
    assert "sandbox.backend" in unhobble("demo", "--backend", "nowhere").err
    said = unhobble("demo", "--rollouts", "2")
    assert said.code == 2
    assert "too few" in said.words
    assert list((home / "unhobble").glob("demo-*")) == []


def command(home, *arguments):
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "UNHOBBLE_WORKERS": "1"}
    whole = [sys.executable, "-m", "service.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(whole, env=environment, text=True, start_new_session=True, **pipes)


@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupted_study_says_how_to_go_on_and_loses_nothing_that_was_finished(home, written, bubblewrap):
    path = written(suite={"id": "builtin/shell", "tasks": TASKS}, budget={"rollouts": 60}, sandbox={"backend": bubblewrap})
    with open_store(f"sqlite:///{home / 'unhobble' / 'unhobble.db'}") as store:
        first = command(home, "run", str(path))
        deadline_s = time.monotonic() + 120
        while not (found := store.studies().items) or found[0].progress.rollouts_finished < 5:
            assert first.poll() is None, first.stderr.read()
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does: to the whole group
        out, err = first.communicate(timeout=60)
        study = store.studies().items[0]
        assert (first.returncode, study.phase, out) == (130, Phase.searching, "")
        assert f"unhobble run --resume {study.id}" in err
        assert "Traceback" not in err
        second = command(home, "run", "--resume", study.id, "--json")
        out, err = second.communicate(timeout=240)
        assert second.returncode == 0, err
        shown = json.loads(out)
        assert shown["phase"] == "completed"
        assert study.progress.rollouts_finished <= shown["progress"]["rollouts_finished"] <= 60
        assert shown["findings"]["confirmed"]
        assert "SIMULATED" in err


def without_control_groups(monkeypatch):
    from sandboxes._bubblewrap.cgroups import Cgroups

    monkeypatch.setattr("sandboxes.bubblewrap.find", lambda *_: Cgroups([]))


async def test_the_demo_does_without_limits_only_where_they_cannot_be_kept_and_the_operator_has_not_decided(monkeypatch):
    from service.commands.running import _for_the_demo
    from service.settings import Settings

    assert (await _for_the_demo(Settings())).sandboxes == {}
    without_control_groups(monkeypatch)
    assert (await _for_the_demo(Settings())).sandboxes == {"bubblewrap": {"require_cgroups": False}}
    decided = Settings(sandboxes={"bubblewrap": {"require_cgroups": True}})
    assert (await _for_the_demo(decided)).sandboxes == decided.sandboxes


def test_a_study_is_refused_where_limits_cannot_be_kept_and_the_operator_can_allow_it(unhobble, written, monkeypatch):
    without_control_groups(monkeypatch)
    path = written(budget={"rollouts": 3})  # too few, so that nothing is run
    refused = {error["path"] for error in unhobble("run", path, "--json").json["errors"]}
    monkeypatch.setenv("UNHOBBLE_SANDBOXES", '{"bubblewrap": {"require_cgroups": false}}')
    allowed = {error["path"] for error in unhobble("run", path, "--json").json["errors"]}
    assert refused == {"sandbox.backend", "budget.rollouts"}
    assert allowed == {"budget.rollouts"}
