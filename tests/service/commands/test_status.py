"""What a study in progress is said to be."""

import json

import pytest

from service.api.schemas import StudyOut
from service.commands.figures import count, dollars, duration
from service.commands.status import STARTING, status_of
from tests.unhobble.analysis.test_report import OLD
from unhobble.analysis.report import Failures, SoFar
from unhobble.messages import Usage
from unhobble.records import Progress, Recommendation, SearchEnded
from unhobble.results import Spend
from unhobble.spec import StudySpec
from unhobble.tracks import Track
from unhobble.vocabulary import SearchEnd

SPEC = {"model": {"id": "organism/compliant"}, "suite": {"id": "builtin/shell"}, "budget": {"rollouts": 100}}


def study(*, phase="searching", finished=20, active_s=10.0, cost_usd: float | None = 0.5, wall_time_s=None, best=None, **more):
    spec = StudySpec.model_validate(SPEC).model_dump(mode="json")
    spec["budget"]["wall_time_s"] = wall_time_s
    spend = Spend(model_calls=finished, usage=Usage(input_tokens=12_000, output_tokens=345), cost_usd=cost_usd)
    progress = Progress(rollouts_finished=finished, rollouts_invalid=1, spend=spend).model_dump(mode="json")
    given = {
        "id": "s", "name": "n", "phase": phase, "reason": "", "simulated": True, "created_at": 0.0, "started_at": 0.0,
        "finished_at": None, "active_s": active_s, "progress": progress, "best_so_far": best, "findings": None, "spec": spec,
    }  # fmt: skip
    return StudyOut.model_validate(given | more)


def test_the_time_left_comes_from_the_rate_so_far_and_ends_with_the_wall_time():
    assert status_of(study(finished=20, active_s=10)).left_s == pytest.approx(40)
    assert status_of(study(finished=20, active_s=10, wall_time_s=25)).left_s == pytest.approx(15)
    assert status_of(study(finished=100, active_s=10)).left_s == 0


def test_no_time_is_claimed_from_a_handful_of_rollouts_or_after_the_end():
    assert status_of(study(finished=4)).left == ""
    assert status_of(study(phase="completed")).left == ""


def test_the_best_so_far_is_called_a_belief_of_the_search_split():
    best = Recommendation(
        trial=3, configuration={"prompt": "plain"}, mean=0.5, low=0.25, high=0.75, probability_best=0.6, rollouts=10
    )
    line = status_of(study(best=best.model_dump(mode="json"))).line()
    assert "0.50 (0.25 to 0.75) believed, search split, trial 3" in line


def test_why_the_search_ended_is_in_every_line_after_it():
    ended = SearchEnded(why=SearchEnd.gain_below, rollouts=70, planned=90, figure=0.004, limit=0.01)
    line = status_of(study(search_ended=ended.model_dump(mode="json") | {"words": ended.words})).line()
    assert "the search ended after 70 of its 90 rollouts, by its rule: a tenth more of it was forecast to gain 0.0040" in line
    assert "the search" not in status_of(study()).line()


def test_an_unknown_price_is_unknown_and_not_zero():
    assert "price unknown" in status_of(study(cost_usd=None)).line()
    assert "$0" not in status_of(study(cost_usd=None)).line()


def test_a_simulated_model_is_called_simulated_in_every_line():
    assert "SIMULATED organism/compliant" in status_of(study()).line()
    assert "SIMULATED" not in status_of(study(simulated=False)).line()


def test_rollouts_without_a_score_are_counted_apart():
    assert "20/100 rollouts | 1 without a score" in status_of(study()).line()


def test_a_queued_study_waits_for_whoever_will_run_it():
    assert status_of(study(phase="queued")).doing == "waiting for a controller"
    assert status_of(study(phase="queued"), queued=STARTING).doing == STARTING
    assert status_of(study(phase="searching"), queued=STARTING).doing == "searching"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9999, "9999"),
        (12_345, "12.3 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (4_560_000, "4.56 M"),
        (2_000_000_000, "2000 M"),
    ],
)
def test_counts_are_short(number, text):
    assert count(number) == text


@pytest.mark.parametrize(("usd", "text"), [(None, "price unknown"), (0, "$0.00"), (0.0123, "$0.012"), (12.345, "$12.35")])
def test_dollars_keep_two_digits_that_matter(usd, text):
    assert dollars(usd) == text


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_are_in_words(seconds, text):
    assert duration(seconds) == text


def test_the_best_with_advantage_stands_apart_from_the_best():
    believed = Recommendation(
        trial=3, configuration={"prompt": "plain"}, mean=0.5, low=0.25, high=0.75, probability_best=0.6, rollouts=10
    )
    apart = believed.model_copy(update={"trial": 4, "mean": 0.9})
    none = Failures(rollouts=1, failed=0, by_code={}, by_class={}, spurious=None)
    findings = json.loads(OLD.read_text()) | {
        "confirmed": None,
        "others": [SoFar(track=Track(advantage=True), best_so_far=apart, search_failures=none).model_dump(mode="json")],
    }
    status = status_of(study(best=believed.model_dump(mode="json"), findings=findings))
    assert status.best.startswith("0.50")
    assert status.others == ("apart, with evaluator advantage: 0.90 (0.25 to 0.75) believed, search split, trial 4",)
    assert status.others[0] in status.line()


@pytest.mark.parametrize(
    ("unit", "end"), [(None, "trial 3"), ("usd", "trial 3, best per dollar"), ("tokens", "trial 3, best per token")]
)
def test_a_best_per_cost_is_said_to_be_one(unit, end):
    believed = Recommendation(
        trial=3,
        configuration={"prompt": "plain"},
        mean=0.5,
        low=0.25,
        high=0.75,
        probability_best=0.6,
        rollouts=10,
        per_cost=unit,
    )
    findings = json.loads(OLD.read_text()) | {"confirmed": None, "others": []}
    assert status_of(study(best=believed.model_dump(mode="json"), findings=findings)).best.endswith(end)


def test_a_headline_that_sees_a_score_is_named_beside_its_figure():
    seeing = json.loads(OLD.read_text())
    seeing["confirmed"]["track"] = {"advantage": False, "oracle_access": "visible_score"}
    status = status_of(study(findings=seeing))
    assert status.best.endswith("without advantage, seeing the task's visible score")
    assert "visible score" in status.best_short
