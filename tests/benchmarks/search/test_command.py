"""`python -m benchmarks.search`: what it accepts, what it keeps, and what it says."""

import json
from pathlib import Path

import pytest

from benchmarks.search import __main__ as command
from benchmarks.search import plays
from benchmarks.search.figures import Mean, beside, rows
from benchmarks.search.peers import PEERS
from benchmarks.search.play import Reading
from benchmarks.search.plays import Job, Play, carry_out, keep, kept, surface_of, wanted
from unhobble.errors import BadInput

SMALL = str(Path(__file__).with_name("small.py"))


@pytest.fixture
def in_this_process(monkeypatch):
    """Plays are carried out here, and counted."""
    done: list[Job] = []

    def carried_out(jobs, *, processes):
        for job in jobs:
            done.append(job)
            yield carry_out(job)

    monkeypatch.setattr(command, "carried_out", carried_out)
    return done


def reading(budget: int, success: float, *, best: float = 0.9, **said) -> Reading:
    said = {"claimed": None, "low": None, "high": None, "upper_limit": None} | said
    costs = {"configurations": 3, "cpu_s": 0.5, "answer_cpu_s": 0.25}
    return Reading(rollouts=budget, budget=budget, success=success, regret=best - success, **said, **costs)


def a_play(strategy: str, surface: str, seed: int, *readings: Reading) -> Play:
    fixed = {"made_of": "m", "in_flight": 64, "budget": readings[-1].budget, "baseline": 0.3, "best": 0.9}
    return Play(strategy=strategy, surface=surface, seed=seed, readings=readings, **fixed)


# --- the command --------------------------------------------------------------------------------------------------------
def test_a_surface_of_ones_own_is_played_and_drawn(in_this_process, tmp_path, capsys):
    given = ["--strategies", "random", "tpe", "--surface", f"{SMALL}:Small", "--seeds", "0-1", "--budgets", "40", "80"]
    code = command.main([*given, "--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.svg")])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "| random | " in out
    assert "8 of 8 plays" in err
    assert (tmp_path / "f.svg").read_text().lstrip().startswith("<?xml")
    figures = json.loads((tmp_path / "f.json").read_text())
    assert [(row["strategy"], row["budget"]) for row in figures["rows"]] == [(s, b) for s in ("random", "tpe") for b in (40, 80)]
    assert len(figures["plays"]) == 8
    assert figures["beside"][0]["other"] == "tpe"


def test_what_was_kept_is_not_played_again(in_this_process, tmp_path, capsys):
    given = ["--surface", f"{SMALL}:Small", "--budgets", "30", "--keep", str(tmp_path / "kept.jsonl")]
    assert command.main([*given, "--strategies", "random", "--seeds", "0,1"]) == 0
    with (tmp_path / "kept.jsonl").open("a") as file:
        file.write('{"strategy": "ran')  # it was killed while it wrote
    assert command.main([*given, "--strategies", "random", "tpe", "--seeds", "0", "1", "2"]) == 0
    assert len(in_this_process) == 6
    assert command.main([*given, "--strategies", "random", "tpe", "--seeds", "0-2"]) == 0
    assert len(in_this_process) == 6
    assert "cannot be read" in capsys.readouterr().err


def test_processes_play_what_one_would(tmp_path, capsys):
    given = ["--strategies", "random", "--surface", f"{SMALL}:Small", "--seeds", "3", "--budgets", "20", "30"]
    assert command.main([*given, "--keep", str(tmp_path / "kept.jsonl"), "--jobs", "2"]) == 0, capsys.readouterr().err
    spread, _ = kept(tmp_path / "kept.jsonl")
    here = [carry_out(Job("random", f"{SMALL}:Small", 3, 64, (budget,))) for budget in (20, 30)]
    assert {one.budget: one.readings[0].success for one in spread} == {one.budget: one.readings[0].success for one in here}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--strategies", "best_ever"], "no strategy 'best_ever'; there are"),
        (["--strategies", "random:first_tasks=0"], "first_tasks"),
        (["--strategies", "random:colour=red"], "strategies.random.colour: unknown field"),
        (["--strategies", "random:first_tasks"], "write first_tasks=VALUE"),
        (["--strategies", "miprov2_like:size=3"], "miprov2_like takes no options"),
        (["--classes", "smooth"], "no class 'smooth'; there are additive"),
        (["--seeds", "9-0"], "not '9-0'"),
        (["--seeds", "x"], "not 'x'"),
        (["--budgets", "0"], "must be at least 1, not 0"),
        (["--in-flight", "0"], "in-flight: must be from 1"),
        (["--jobs", "0"], "jobs: must be at least 1"),
        (["--surface", "nowhere.py:Small"], "no Python file 'nowhere.py'"),
        (["--surface", f"{SMALL}:Large"], "has no function 'Large'"),
        (["--surface", f"{SMALL}:without_best"], "has no best"),
    ],
)
def test_bad_input_is_said_with_exit_code_2(given, said, capsys):
    defaults = [] if "--strategies" in given else ["--strategies", "random"]
    assert command.main([*defaults, *given]) == 2
    assert said in capsys.readouterr().err


def test_all_that_is_wrong_is_said_at_once(capsys):
    assert command.main(["--strategies", "a", "b", "--classes", "c", "--budgets", "-1"]) == 2
    err = capsys.readouterr().err
    assert all(said in err for said in ("'a'", "'b'", "'c'", "not -1"))


def test_an_impossible_probability_is_found_while_it_is_played(capsys):
    assert command.main(["--strategies", "random", "--surface", f"{SMALL}:impossible", "--seeds", "0", "--budgets", "9"]) == 2
    err = capsys.readouterr().err
    assert f"while random searched {SMALL}:impossible 0: surface: the probability of task" in err
    assert "must be from 0 to 1, not 1.5" in err


def test_a_peer_that_is_not_installed_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.search.peers.smac3._ENVIRONMENT", tmp_path)
    with pytest.raises(BadInput, match="install-peers"):
        PEERS["smac3"].check()


# --- what is wanted and kept --------------------------------------------------------------------------------------------
def test_whom_the_budget_does_not_concern_plays_once_and_the_others_once_for_each():
    jobs = wanted(["random_whole", "tpe"], ["additive"], [4], [100, 200], 64)
    assert [(job.strategy, job.budgets) for job in jobs] == [("random_whole", (100, 200)), ("tpe", (100,)), ("tpe", (200,))]


def test_a_play_on_another_surface_or_to_another_budget_does_not_count():
    job = Job("tpe", "additive", 0, 64, (100,))
    done = a_play("tpe", "additive", 0, reading(100, 0.5)).model_copy(update={"made_of": plays.made_of("additive")})
    assert job.is_done_by(done)
    for other in ({"made_of": "before"}, {"seed": 1}, {"in_flight": 1}, {"surface": "gated"}, {"budget": 200}):
        assert not job.is_done_by(done.model_copy(update=other))


def test_a_line_that_was_cut_short_is_left_out_and_gets_its_end(tmp_path):
    file = tmp_path / "kept.jsonl"
    keep([a_play("tpe", "additive", 0, reading(100, 0.5))], file)
    with file.open("a") as lines:
        lines.write('{"cut')
    keep([a_play("tpe", "additive", 1, reading(100, 0.5))], file)
    found, unreadable = kept(file)
    assert ([one.seed for one in found], unreadable) == ([0, 1], 1)


def test_a_foreign_surface_without_success_gets_the_mean_of_its_probabilities():
    one = surface_of(f"{SMALL}:Small", 2)
    assert one.success(one.space.baseline) == pytest.approx(0.2)
    assert one.tasks[0].human_minutes == 3.0


# --- figures ------------------------------------------------------------------------------------------------------------
def test_regret_is_averaged_over_the_surfaces_before_the_seeds():
    some = [
        a_play("a", surface, seed, reading(100, success))
        for (surface, seed), success in {("x", 0): 0.9, ("x", 1): 0.7, ("y", 0): 0.5, ("y", 1): 0.5}.items()
    ]
    (row,) = rows(some, ["a"], [100])
    assert row.regret.mean == pytest.approx(0.25)
    # The seeds' means are 0.2 and 0.3, of standard error 0.05; t with one degree of freedom is 6.3138 at 95 %.
    assert row.regret.high == pytest.approx(0.25 + 6.3138 * 0.05, abs=1e-4)
    assert {name: mean.mean for name, mean in row.by_surface.items()} == pytest.approx({"x": 0.1, "y": 0.4})
    assert row.cpu_ms == pytest.approx(5.0)


def test_one_seed_has_no_interval():
    assert Mean.of([0.3]) == Mean(0.3, None, None)


def test_claims_are_held_against_the_truth():
    some = [
        a_play("a", "x", 0, reading(100, 0.5, claimed=0.6, low=0.45, high=0.7, upper_limit=0.95)),
        a_play("a", "x", 1, reading(100, 0.5, claimed=0.8, low=0.7, high=0.9, upper_limit=0.85)),
        a_play("a", "y", 0, reading(100, 0.5, claimed=0.5, low=0.4, high=0.6, upper_limit=0.92)),
        a_play("a", "y", 1, reading(100, 0.5, upper_limit=0.91)),
    ]
    (row,) = rows(some, ["a"], [100])
    assert row.covered == pytest.approx(2 / 3)
    assert row.bias == pytest.approx(0.4 / 3)
    assert (row.limit_covers, row.limit_covers_least) == (0.75, 0.5)


def test_the_first_strategy_is_held_against_the_best_other_one_everywhere():
    some = [
        a_play(strategy, surface, 0, reading(100, success))
        for (strategy, surface), success in {
            ("ours", "x"): 0.8,
            ("ours", "y"): 0.6,
            ("b", "x"): 0.7,
            ("b", "y"): 0.3,
            ("c", "x"): 0.4,
            ("c", "y"): 0.5,
        }.items()
    ]
    (one,) = beside(rows(some, ["ours", "b", "c"], [100]))
    assert (one.other, one.worst_surface) == ("b", "y")
    assert one.ratio == pytest.approx(0.4 / 0.8)
    assert one.worst_ratio == pytest.approx(0.3 / 0.4)


def test_a_strategy_that_was_not_played_is_no_row():
    with pytest.raises(ValueError, match="b was not played to 100"):
        rows([a_play("a", "x", 0, reading(100, 0.5))], ["a", "b"], [100])
