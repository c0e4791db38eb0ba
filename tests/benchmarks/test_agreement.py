"""`make bench-agreement`: its arithmetic, and what it draws. That the two ways agree: tests/models/organism/test_agreement.py."""

import math

import pytest

from benchmarks.agreement.__main__ import _keep, _kept
from benchmarks.agreement.cases import builtin_suites, drawn
from benchmarks.agreement.figures import Difference, Row, bound
from benchmarks.agreement.played import Outcome, parting
from search_spaces.space import Space
from unhobble.messages import ToolCall
from unhobble.registry import installed
from unhobble.transcript import CallStep, NoteStep, SubmissionStep


def outcome(number: int, real: float | None, simulated: float, other: float) -> Outcome:
    seconds = {"real_cpu_s": 0.5, "real_wall_s": 0.25, "simulated_cpu_s": 0.01}
    return Outcome(
        organism="o",
        number=number,
        seed=0,
        case="c",
        real=real,
        simulated=simulated,
        other=other,
        parting="",
        error=None,
        **seconds,
    )


def test_a_row_compares_with_the_same_seed_and_with_another():
    outcomes = [outcome(0, 1.0, 1.0, 0.0), outcome(1, 0.0, 0.0, 0.0), outcome(2, 1.0, 0.0, 1.0), outcome(3, None, 1.0, 1.0)]
    row = Row.of("o", outcomes)
    assert (row.rollouts, row.invalid, row.differing) == (3, 1, 1)
    assert (row.real, row.simulated, row.other) == pytest.approx((2 / 3, 1 / 3, 1 / 3))
    # Of (0, 0, 1) the variance is 1/3, and that of the mean of three a third of it.
    assert (row.paired.mean, row.paired.standard_error) == pytest.approx((1 / 3, 1 / 3))
    assert row.unpaired.z == pytest.approx(1.0)
    assert row.real_cpu_s == 2.0


def test_where_nothing_differs_z_is_zero_and_where_all_does_it_is_beyond_every_bound():
    assert Difference.of([0.0, 0.0]).z == 0
    assert Difference.of([-1.0, -1.0]).z == -math.inf
    with pytest.raises(ValueError, match="two"):
        Difference.of([1.0])


def test_the_bound_grows_with_the_comparisons():
    assert bound(1) == pytest.approx(2.5758, abs=1e-4)
    assert bound(14) == pytest.approx(3.3840, abs=1e-4)


def test_scores_that_differ_by_rounding_do_not_differ():
    assert not outcome(0, 0.65, 0.85 - 0.2, 1.0).differs
    assert outcome(0, 0.65, 0.66, 1.0).differs


def test_the_same_cases_are_drawn_however_many_are_asked_for_half_of_them_from_each_space():
    few, many = drawn("looper", 6, 0), drawn("looper", 40, 0)
    assert many[:6] == few
    assert drawn("looper", 6, 1) != few
    default = Space.load("default", installed())
    assert sum(not default.contains(case.configuration) for case in many) == 20
    assert {case.suite for case in many} == set(builtin_suites())
    assert all(int(case.configuration.root["limits.turns"]) <= 40 for case in many)


def test_transcripts_part_where_other_calls_are_made_and_not_where_other_words_are_printed():
    def ended(text: str, exit_code: int) -> CallStep:
        call = ToolCall(id="1", name="bash", arguments={"command": "date"})
        return CallStep(call=call, text=text, failed=False, exit_code=exit_code)

    submitted = SubmissionStep(text="done")
    assert parting([ended("10:41", 0), submitted], [ended("23:07", 0), submitted]) == ""
    assert "exit code 1" in parting([ended("10:41", 0), submitted], [ended("10:41", 1), submitted])
    assert "(the end)" in parting([submitted, NoteStep(text="more")], [submitted])


def test_what_was_kept_is_read_again_but_for_a_line_that_was_cut_short(tmp_path):
    file = tmp_path / "kept.jsonl"
    _keep([outcome(number, 1.0, 1.0, 1.0) for number in range(3)], file)
    file.write_bytes(file.read_bytes()[:-20])
    assert [one.number for one in _kept(file)] == [0, 1]
    _keep([outcome(2, None, 1.0, 1.0)], file)
    assert [(one.number, one.real) for one in _kept(file)] == [(0, 1.0), (1, 1.0), (2, None)]
    assert list(_kept(None)) == []
