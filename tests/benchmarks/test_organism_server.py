"""`make bench-server`: its arithmetic, its requests, and, for real, what must hold on a machine that is busy otherwise."""

import json

import pytest

from benchmarks.organism_server.__main__ import Findings
from benchmarks.organism_server.measure import Load, Measured, measure, served
from benchmarks.organism_server.workload import FORMATS, TURNS, bodies
from unhobble.models.organism.chat_completions import read_request
from unhobble.models.organism.knowledge import builtin_knowledge

LOAD = Load(clients=2, requests=4, latency_s=1.0, at_once=False)


def measured(seconds: float = 1.02, cpu_s: float = 0.016) -> Measured:
    return Measured(LOAD, [seconds] * 6, cpu_s)


def missed(*some: Measured) -> list[str]:
    return [target.claim.partition(",")[0] for target in Findings({}, {LOAD.name: list(some)}).targets if not target.met]


def test_cores_are_stated_for_two_hundred_requests_a_second():
    assert measured(cpu_s=0.016).cores == pytest.approx(0.016 / 8 * 200)


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({}, []),
        ({"seconds": 1.11}, ["mean latency off by", "median latency off by"]),
        ({"seconds": 0.89}, ["mean latency off by", "median latency off by"]),  # too early is no better
        ({"cpu_s": 0.021}, ["cores for 200 requests/s"]),
    ],
)
def test_a_target_is_missed_where_its_figure_is_beyond_it(changes, claims):
    assert missed(measured(**changes)) == claims


def test_one_bad_repetition_of_three_misses_nothing():
    assert missed(measured(), measured(seconds=5.0, cpu_s=1.0), measured()) == []


def test_the_tables_and_the_json_hold_the_same_figures():
    found = Findings({"cores": 2}, {LOAD.name: [measured()]})
    assert "| 2 clients, one after the other | 1.020 (1.020-1.020) s |" in found.as_markdown()
    assert json.loads(json.dumps(found.as_json()))["loads"][LOAD.name][0]["cores_at_200_per_s"] == pytest.approx(0.4)


def test_the_requests_are_those_of_rollouts_on_tasks_that_the_organisms_know():
    asked = bodies("organism/compliant", tasks=2)
    assert len(asked) == 2 * len(FORMATS) * TURNS
    requests = [read_request(body.content).value() for body in asked]
    assert all(any(builtin_knowledge().find(message.content) for message in request.messages) for request in requests)
    assert {bool(request.tools) for request in requests} == {True, False}
    assert [len(request.messages) for request in requests[:TURNS]] == [2 + 2 * turn for turn in range(TURNS)]


@pytest.mark.slow
def test_the_server_needs_less_than_half_a_core_for_two_hundred_requests_a_second_and_never_answers_too_early():
    with served(latency_s=0.5) as server:
        measure(server, Load(clients=10, requests=2, latency_s=0.5, at_once=True))
        found = measure(server, Load(clients=100, requests=8, latency_s=0.5, at_once=False))
    assert found.cores < 0.5
    assert min(found.seconds) >= 0.5
    assert len(found.seconds) == 100 * 7
