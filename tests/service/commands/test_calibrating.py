"""``unhobble calibrate``: bad input is refused before anything is spent, each with its option."""

import pytest
import yaml

SMALL = ("--space", "tool-formats", "--rollouts", "180", "--seeds", "2", "--organism", "compliant", "--jobs", "1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--organism", "nobody"), "--organism: 'nobody' is neither a shipped organism nor a file; there are"),
        (("--organism", "compliant", "--organism", "organism/compliant"), "'compliant' is given twice"),
        (("--strategy", "guess"), "--strategy: no strategy 'guess'; there are"),
        (("--option", "first_tasks=0"), "--option: strategy tpe.first_tasks: Input should be greater than or equal to 1"),
        (("--option", "first_tasks"), "--option: must be NAME=VALUE, not 'first_tasks'"),
        (("--space", "nowhere"), "--space: no preset 'nowhere'; there are"),
        (("--suite", "none/such"), "--suite: no suite 'none/such'; there are"),
        (("--rollouts", "20"), "--rollouts: 20 rollouts are too few for"),
        (("--seed", str(2**32 - 2), "--seeds", "2"), "--seed: the last seed would be"),
        (("--plot", "figures.gif"), "--plot: figures.gif must end in .svg or .png or .pdf"),
        (("--save", "no/such/folder/figures.json"), "--save: there is no folder no/such/folder"),
    ],
)
def test_bad_input_is_refused_with_its_option(unhobble, arguments, said):
    found = unhobble("calibrate", *arguments)
    assert found.code == 2
    assert said in found.words


def test_a_file_that_is_no_organism_is_refused_with_all_that_is_wrong(unhobble, tmp_path):
    (tmp_path / "mine.yaml").write_text("slope: -1\nfluency: 2\n")
    found = unhobble("calibrate", "--organism", tmp_path / "mine.yaml", "--json")
    assert found.code == 2
    assert {issue["path"].rpartition("mine.yaml.")[2] for issue in found.json["errors"]} == {"ability", "slope", "fluency"}


def test_a_file_that_is_not_yaml_is_refused(unhobble, tmp_path):
    (tmp_path / "mine.yaml").write_text("a: [")
    found = unhobble("calibrate", "--organism", tmp_path / "mine.yaml")
    assert found.code == 2
    assert "mine.yaml cannot be read as YAML" in found.words


@pytest.mark.slow
def test_the_figures_are_printed_kept_and_drawn_as_of_simulated_models(unhobble, tmp_path):
    space = tmp_path / "mine.yaml"
    space.write_text(yaml.safe_dump({"extends": "tool-formats", "fix": {"limits.turns": 24}}))
    files = ("--save", tmp_path / "figures.json", "--plot", tmp_path / "figures.svg")
    found = unhobble("calibrate", *SMALL[2:], "--space", space, *files, "--json")
    assert found.code == 0
    assert found.json["simulated"] is True
    (one,) = found.json["organisms"]
    assert [study["seed"] for study in one["studies"]] == [0, 1]
    assert [row["name"] for row in found.json["summary"]] == ["compliant", "all"]
    assert "SIMULATED" in (tmp_path / "figures.svg").read_text()
    assert '"simulated": true' in (tmp_path / "figures.json").read_text()
