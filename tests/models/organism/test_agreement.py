"""Real rollouts in real sandboxes come to what is simulated of them. By the thousand: `make bench-agreement`."""

from statistics import fmean

import pytest

from benchmarks.agreement.cases import World, builtin_suites, drawn
from benchmarks.agreement.figures import Row, bound
from benchmarks.agreement.played import play
from service.calibration.rehearsals import shipped_or_rehearsed
from unhobble.models.organism.traits import organism_names

TASKS = (
    "adm_config_modes",
    "data_supplier_prices",
    "log_skewed_clocks",
    "num_house_heating",
    "sh_job_runner",
    "sql_parts_planning",
)
"""Of builtin/shell: some of one stage and some of several, with a visible scorer and without."""

EACH = 3
"""Rollouts of each organism."""


@pytest.mark.slow
def test_simulated_and_real_rollouts_of_every_organism_agree():
    suites = builtin_suites()
    shell, questions = suites["builtin/shell"], suites["builtin/questions"]
    rehearsals = shipped_or_rehearsed(shell, [task for task in shell.tasks if task.id in TASKS])
    rehearsals |= shipped_or_rehearsed(questions, questions.tasks[:2])
    world = World(suites, rehearsals)
    outcomes = [
        outcome
        for organism in organism_names()
        for outcome in play(drawn(organism, EACH, 3, only=rehearsals), world, seed=3, at_once=EACH)
    ]
    assert [one.error for one in outcomes if one.error] == []
    scores = [one.real for one in outcomes]
    assert 0.2 < fmean(score or 0.0 for score in scores) < 0.9
    assert sum(one.differs for one in outcomes) <= 0.05 * len(outcomes)
    assert sum(bool(one.parting) for one in outcomes) <= 0.1 * len(outcomes)
    row = Row.of("all", outcomes)
    assert abs(row.paired.mean) < 0.02
    assert abs(row.unpaired.z) < bound(1)
