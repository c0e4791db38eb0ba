"""All studies of some organisms: the figures depend on the seeds, and on nothing else."""

import multiprocessing

import pytest

from service.calibration.campaign import calibrate
from service.calibration.figures import Calibration
from service.calibration.subjects import Course, read_subjects
from service.calibration.summary import summarise
from unhobble.errors import UnhobbleError

SMALL = Course(space="tool-formats", rollouts=180, rollouts_for_the_best=300)
SECONDS = {"cpu_s", "truth_cpu_s", "wall_s", "cores"}


def without_seconds(value):
    if isinstance(value, dict):
        return {key: without_seconds(item) for key, item in value.items() if key not in SECONDS}
    return [without_seconds(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def alone() -> Calibration:
    return calibrate(SMALL, read_subjects(["plan-bound", "compliant"]), range(2))


@pytest.mark.slow
def test_two_processes_find_what_one_finds(alone):
    told: list[tuple[int, int]] = []
    both = calibrate(
        SMALL,
        read_subjects(["plan-bound", "compliant"]),
        range(2),
        jobs=2,
        advance=lambda _, some, whole: told.append((some, whole)),
    )
    assert without_seconds(both.model_dump(mode="json")) == without_seconds(alone.model_dump(mode="json"))
    assert len(told) == 2 + 4 + 2
    assert sum(some for some, _ in told) == told[0][1]


@pytest.mark.slow
def test_its_processes_are_ended_when_it_is_left_early():
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt):
        calibrate(SMALL, read_subjects(["compliant"]), range(3), jobs=2, advance=leave)
    for child in set(multiprocessing.active_children()) - before:
        child.join(30)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_of_and_not_waited_for():
    def kill(*_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(UnhobbleError, match="ended from outside"):
        calibrate(SMALL, read_subjects(["compliant"]), range(20), jobs=2, advance=kill)


@pytest.mark.slow
def test_it_claims_no_gain_where_there_is_none_and_finds_the_truth_of_both_ends(alone):
    able = next(one for one in alone.organisms if one.name == "compliant")
    assert able.baseline.mean == able.best.mean == able.best_on_search.mean == 1.0
    row = next(row for row in summarise(alone) if row.name == "compliant")
    assert (row.locked, row.clear_gains.hits, row.covered.hits) == (False, 0, 2)
    assert row.upper_holds.of == 2


@pytest.mark.slow
def test_what_is_kept_is_read_as_it_was(alone):
    again = Calibration.from_json(alone.to_json())
    assert again.to_json() == alone.to_json()
    assert again.simulated


@pytest.mark.slow
def test_what_a_study_recommends_is_the_best_where_the_long_search_was_too_short_to_find_it():
    short = Course(space="tool-formats", rollouts=180, rollouts_for_the_best=40)
    organism = calibrate(short, read_subjects(["format-bound"]), range(2)).organisms[0]
    winners = [study for study in organism.studies if study.recommended == organism.best_configuration]
    assert winners
    assert all(study.true_value == organism.best for study in winners)
    assert organism.best.mean > organism.baseline.mean
