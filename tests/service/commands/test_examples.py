"""The examples are studies that could be run."""

from pathlib import Path

import pytest
import yaml

from service.commands.running import demo_document
from service.plan import plan_study
from unhobble.registry import installed
from unhobble.spec import StudySpec

FOLDER = Path(__file__).parents[3] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_study_that_can_be_planned(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "set")
    plan = plan_study(StudySpec.model_validate(yaml.safe_load(path.read_text())), installed())
    assert plan.search_rollouts > 0


def test_the_examples_are_there_and_the_demo_is_the_one_that_is_packaged():
    assert {path.stem for path in EXAMPLES} >= {"demo", "own-model", "local-server"}
    assert yaml.safe_load((FOLDER / "demo.yaml").read_text()) == demo_document()


def test_the_demo_names_a_simulated_model_and_a_sandbox_that_needs_no_engine():
    spec = StudySpec.model_validate(demo_document())
    assert spec.model.is_organism
    assert spec.sandbox.backend == "bubblewrap"
