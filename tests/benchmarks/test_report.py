"""What `make bench-sandbox` prints, and when it fails."""

import json

import pytest

from benchmarks.sandbox.arms import INSPECT_DOCKER, INSPECT_LOCAL, UNHOBBLE_BUBBLEWRAP, UNHOBBLE_DOCKER
from benchmarks.sandbox.figures import Cost
from benchmarks.sandbox.probes import AS_AN_AGENT
from benchmarks.sandbox.report import Measurements


def measured(**changes) -> Measurements:
    def latency(ms: float) -> dict[str, object]:
        return {command: {"seconds": [ms / 1000] * 4, "commands_per_s": 9.0} for command in (AS_AN_AGENT, "true")}

    values = {
        "about": {"cores": 2},
        "costs": {
            UNHOBBLE_DOCKER.name: [Cost(0.1, 0.2, 0.3, 1.0), Cost(0.1, 0.3, 0.3, 1.0), Cost(0.1, 0.4, 0.3, 1.0)],
            INSPECT_DOCKER.name: [Cost(2.0, 2.0, 0.3, 3.0)] * 3,
            UNHOBBLE_BUBBLEWRAP.name: [Cost(0.1, 0.0, 0.0, 0.2)] * 3,
            INSPECT_LOCAL.name: [Cost(0.2, 0.0, 0.0, 0.2)] * 3,
        },
        "latency": {"docker": {1: latency(6), 32: latency(50)}, "bubblewrap": {1: latency(30)}},
        "memory": {"docker": {"one_command": 2**20, "many_commands": 2**21}},
        "opening": {"docker": {"open_s": [0.1], "close_s": [0.2]}},
    }
    return Measurements(**{**values, **changes})


def missed(found: Measurements) -> list[str]:
    return [target.claim for target in found.targets if not target.met]


def test_all_targets_are_met_where_all_figures_are_below_them():
    found = measured()
    assert missed(found) == []
    assert len(found.targets) == 5
    assert found.targets[0].measured == pytest.approx(0.1)  # the middle repetition


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"costs": measured().costs | {UNHOBBLE_DOCKER.name: [Cost(0.4, 0.4, 0.0, 1.0)] * 3}}, "a rollout in Docker"),
        ({"costs": measured().costs | {UNHOBBLE_BUBBLEWRAP.name: [Cost(0.21, 0.0, 0.0, 1.0)] * 3}}, "a rollout in bubblewrap"),
        ({"latency": {"docker": {1: measured().latency["docker"][32], 32: measured().latency["docker"][32]}}}, "p50, 1 at once"),
        ({"memory": {"docker": {"one_command": 0, "many_commands": 65 * 2**20}}}, "resident memory"),
    ],
)
def test_one_figure_above_its_limit_is_a_target_missed(changes, claim):
    (only,) = missed(measured(**changes))
    assert claim in only
    assert "**MISSED**" in measured(**changes).as_markdown()


def test_a_framework_without_an_engine_shows_no_figure_for_it():
    row = next(line for line in measured().as_markdown().splitlines() if line.startswith(f"| {INSPECT_LOCAL.name} |"))
    assert row == (f"| {INSPECT_LOCAL.name} | 0.200 (0.200-0.200) | — | **0.200 (0.200-0.200)** | — | 0.20 (0.20-0.20) |")


def test_the_json_holds_every_value():
    said = json.loads(json.dumps(measured().as_json()))
    assert [cost["daemon_s"] for cost in said["costs_of_one_rollout_s"][UNHOBBLE_DOCKER.name]] == [0.2, 0.3, 0.4]
    assert said["latency"]["docker"]["32"]["true"]["seconds"] == [0.05] * 4
    assert all(target["met"] for target in said["targets"])
