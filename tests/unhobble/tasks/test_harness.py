"""The verdict on checks: all or nothing, or by stages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unhobble.tasks import harness

PASS, FAIL = "pass", "raise AssertionError('no')"


def verdict(folder: Path, checks: dict[str, str], stages: str = "") -> dict:
    shutil.copy(harness.__file__, folder / "harness.py")
    lines = [f"def test_{name}(): {body}\n" for name, body in checks.items()]
    (folder / "check.py").write_text("".join([f"STAGES = {stages}\n" if stages else "", *lines]))
    done = subprocess.run([sys.executable, "-B", folder / "harness.py"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_without_stages_one_failed_check_makes_the_score_0(tmp_path):
    said = verdict(tmp_path, {"a": PASS, "b": FAIL, "c": PASS})
    assert said == {"score": 0.0, "passed": ["test_a", "test_c"], "failed": {"test_b": "AssertionError: no"}}
    assert verdict(tmp_path, {"a": PASS, "c": PASS})["score"] == 1


@pytest.mark.parametrize(
    ("failing", "score"),
    [((), 1.0), (("tokens",), 0.8), (("parser_b",), 0.4), (("parser_a", "parser_b"), 0.4), (("tokens", "parser_a", "whole"), 0.0)],
)
def test_a_stage_counts_by_its_weight_and_only_when_every_check_of_it_passed(tmp_path, failing, score):
    checks = {name: FAIL if name in failing else PASS for name in ("tokens", "parser_a", "parser_b", "whole")}
    assert verdict(tmp_path, checks, "{'tokens': 1, 'parser': 3, 'whole': 1}")["score"] == pytest.approx(score)


def test_a_check_belongs_to_the_stage_with_the_longest_name_that_it_goes_on_with(tmp_path):
    said = verdict(tmp_path, {"parse_x": PASS, "parse_all_x": FAIL}, "{'parse': 1, 'parse_all': 1}")
    assert said["score"] == 0.5
    said = verdict(tmp_path, {"parser": PASS, "parse": PASS}, "{'parse': 1}")
    assert said == {"error": "check.py has checks of no stage: ['test_parser']"}


@pytest.mark.parametrize(
    ("checks", "stages", "error"),
    [
        ({"a": PASS}, "{'a': 1, 'b': 1}", "no check of the stages ['b']"),
        ({"a": PASS, "c": PASS}, "{'a': 1}", "checks of no stage: ['test_c']"),
        ({}, "", "no function whose name starts with test_"),
        ({"a": PASS}, "1 / 0", "could not be imported: ZeroDivisionError"),
    ],
)
def test_a_check_that_cannot_judge_is_told_apart_from_work_that_failed(tmp_path, checks, stages, error):
    said = verdict(tmp_path, checks, stages)
    assert list(said) == ["error"]
    assert error in said["error"]
