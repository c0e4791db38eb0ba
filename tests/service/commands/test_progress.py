"""The two displays of a study in progress."""

import io

import pytest
from rich.console import Console

from service.api.schemas import EventOut
from service.commands.progress import LineDisplay, LiveDisplay, Troubles, display
from tests.service.commands.test_status import study


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=60, force_terminal=False)


def lines(console) -> list[str]:
    return console.file.getvalue().splitlines()


def test_without_a_terminal_a_line_is_written_at_a_change_of_phase_and_then_every_few_seconds(console):
    clock = Clock()
    shown = LineDisplay(console, "waiting", clock)
    for finished in range(5, 25):
        clock.now_s += 0.5
        shown.update(study(finished=finished))
    assert len(lines(console)) == 2
    shown.update(study(phase="confirming"))
    assert "confirming" in lines(console)[-1]
    assert len(lines(console)) == 3


def test_nothing_new_is_not_said_again(console):
    clock = Clock()
    shown = LineDisplay(console, "waiting", clock)
    for _ in range(100):
        clock.now_s += 1
        shown.update(study())
    assert len(lines(console)) == 1


def test_a_line_is_one_line_however_narrow_the_output_is(console):
    LineDisplay(console, "waiting").update(study())
    assert len(lines(console)) == 1


def test_the_display_fits_where_it_is_shown(console):
    assert isinstance(display(console), LineDisplay)
    assert isinstance(display(Console(file=io.StringIO(), force_terminal=True)), LiveDisplay)


def test_in_a_terminal_everything_is_in_view_and_within_its_width():
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    with LiveDisplay(console, "waiting") as shown:
        shown.update(study())
    text = " ".join(console.file.getvalue().split())
    for expected in ("SIMULATED", "searching", "20 of 100", "at most about 40 s left", "12.3 k tokens, $0.50"):
        assert expected in text, expected


def event(number, kind, **data):
    return EventOut(number=number, at=0.0, kind=kind, data=data)


def test_trouble_is_what_kept_the_last_rollouts_from_being_scored():
    events = [event(1, "rollout_retried", error="refused"), event(2, "rollout_retried", error="timed out")]
    troubles = Troubles(lambda after: [e for e in events if e.number > after])
    assert troubles.last() == "timed out"
    events.append(event(3, "rollout_finished", score=None))
    assert troubles.last() == "timed out"
    events.append(event(4, "rollout_finished", score=0.0))
    assert troubles.last() == ""


def test_trouble_is_in_view_as_long_as_the_study_goes_on(console):
    shown = LineDisplay(console, "waiting")
    shown.update(study(), "connection refused")
    shown.update(study(phase="failed"), "connection refused")
    assert [("connection refused" in line) for line in lines(console)] == [True, False]
