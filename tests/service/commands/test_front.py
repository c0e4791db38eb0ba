"""The front as text."""

from service.commands.front import front_table
from unhobble.records import FrontPoint
from unhobble.vocabulary import CostUnit


def point(trial, mean, cost, unit):
    return FrontPoint(
        trial=trial, mean=mean, low=mean - 0.1, high=mean + 0.1, cost=cost, cost_low=cost / 2, cost_high=cost * 2, unit=unit
    )


def test_dollars_have_two_digits_that_say_something():
    assert front_table([point(3, 0.412, 0.0021, CostUnit.usd), point(12, 0.8, 1.5, CostUnit.usd)]).splitlines() == [
        "trial  success          90 %  cost of a rollout               90 %",
        "    3     0.41  0.31 to 0.51            $0.0021  $0.001 to $0.0042",
        "   12     0.80  0.70 to 0.90              $1.50     $0.75 to $3.00",
    ]


def test_tokens_say_that_they_are_tokens():
    assert "20 k tokens" in front_table([point(3, 0.4, 20_000, CostUnit.tokens)])


def test_no_points_are_no_table():
    assert front_table([]) == ""
