"""Failure labels against true causes."""

from service.calibration.labels import count_labels
from unhobble.configuration import Configuration
from unhobble.models.organism.causes import Cause, CauseCode
from unhobble.records import RolloutRecord
from unhobble.results import FailureLabel
from unhobble.vocabulary import FailureCode, RolloutState, Split


def failed(code: FailureCode) -> RolloutRecord:
    return RolloutRecord(
        id="r",
        study="s",
        trial=1,
        configuration=Configuration({"prompt": "plain", "tool_format": "native", "scaffold": "react"}),
        task="t",
        split=Split.search,
        epoch=0,
        state=RolloutState.finished,
        finished_order=1,
        score=0.0,
        label=FailureLabel(code=code, rule="told"),
    )


def cause(*codes: CauseCode) -> Cause:
    return Cause(codes[0], codes)


def test_a_label_that_names_the_cause_is_right_by_code_and_by_class():
    found = count_labels(9, [(failed(FailureCode.refusal), cause(CauseCode.refusal))])
    assert (found.failed, found.looked_at, found.code, found.code_class) == (9, 1, 1, 1)


def test_a_label_of_the_same_class_is_right_by_class_alone():
    found = count_labels(1, [(failed(FailureCode.loop), cause(CauseCode.refusal))])
    assert (found.code, found.code_class) == (0, 1)


def test_a_label_of_another_class_is_wrong():
    found = count_labels(1, [(failed(FailureCode.wrong_answer), cause(CauseCode.tool_format))])
    assert (found.code, found.code_class, found.unseen) == (0, 0, 0)
    assert found.by_cause == {"tool_format": {"wrong_answer": 1}}


def test_of_several_causes_a_label_may_name_any_that_can_be_seen():
    found = count_labels(1, [(failed(FailureCode.early_stop), cause(CauseCode.refusal, CauseCode.early_stop))])
    assert found.code == 1


def test_a_cause_without_a_trace_is_never_labelled_right():
    found = count_labels(1, [(failed(FailureCode.wrong_answer), cause(CauseCode.password))])
    assert (found.unseen, found.code, found.code_class) == (1, 0, 0)


def test_what_no_one_cause_explains_is_left_out():
    found = count_labels(1, [(failed(FailureCode.format_error), cause(CauseCode.several))])
    assert (found.mixed, found.code, found.unseen) == (1, 0, 0)
