"""``predict``, and what ``show`` says of the whole space."""

import asyncio
import json

import pytest
import yaml

from tests.service.commands.conftest import STUDY
from tests.service.search.test_loop import RulePool
from tests.service.search.test_loop import run as run_study
from tests.service.search.test_tracks import advantage_is_all, spec_with
from tests.service.test_advantage_door import space
from unhobble.spec import StudySpec

BASELINE = {
    "prompt": "plain",
    "tool_format": "native",
    "tool_format.strict": True,
    "tool_format.feedback": "example",
    "scaffold": "react",
}
XML = BASELINE | {"tool_format": "xml_tags"}


def written(folder, document: object):
    file = folder / "configurations.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return file


@pytest.mark.parametrize(
    ("document", "count"),
    [([XML, BASELINE], 2), (XML, 1), ({"configurations": [XML]}, 1), ({"configuration": XML, "model": "m"}, 1)],
)
def test_configurations_are_read_from_a_list_from_one_alone_and_from_an_export(unhobble, completed, tmp_path, document, count):
    said = unhobble("predict", completed, written(tmp_path, document), "--json")
    assert said.code == 0, said.err
    predictions = said.json["predictions"]
    assert [one["configuration"] for one in predictions] == [XML, BASELINE][:count]
    assert said.json["simulated"]


def test_what_was_exported_is_predicted(unhobble, completed, tmp_path):
    file = tmp_path / "best.yaml"
    assert unhobble("export", completed, "-o", file).code == 0
    assert unhobble("predict", completed, file, "--json").json["predictions"][0]["tried"]


def test_it_is_shown_with_its_interval_and_with_what_it_is(unhobble, completed, tmp_path):
    words = unhobble("predict", completed, written(tmp_path, [XML, BASELINE])).words
    for expected in ("SIMULATED MODEL", "90 % interval", "search tasks", "trial 0", "credible, not measured"):
        assert expected in words, expected


@pytest.mark.parametrize("document", ["", "plain", "{}", "7"])
def test_a_file_that_holds_no_configuration_is_bad_input(unhobble, completed, tmp_path, document):
    said = unhobble("predict", completed, written(tmp_path, document))
    assert said.code == 2
    assert "must hold a configuration" in said.words


def test_what_is_wrong_is_said_of_every_configuration(unhobble, completed, tmp_path):
    file = written(tmp_path, [BASELINE | {"tool_format": "morse"}, BASELINE | {"prompt": "rude"}])
    said = unhobble("predict", completed, file, "--json")
    assert said.code == 2
    assert [one["path"] for one in said.json["errors"]] == ["configurations.0.tool_format", "configurations.1.prompt"]


def test_a_study_without_a_scored_rollout_has_nothing_to_say(unhobble, queued, tmp_path):
    said = unhobble("predict", queued, written(tmp_path, BASELINE))
    assert said.code == 1
    assert "no scored rollout" in said.words


def test_the_upper_limit_is_shown_as_what_it_is_beside_the_lower_bound(unhobble, completed):
    words = unhobble("show", completed).words
    outlook = unhobble("show", completed, "--json").json["findings"]["outlook"]
    for expected in (
        "What the space may hold",
        "believed, not measured",
        "lower bound",
        f"upper limit {outlook['upper_limit']:.2f}",
        "beats trial",
        "10 % more search",
        "2 times as much search",
        "10 times as much search",
        "What matters in it",
        "the model of pooled, over the rollouts of the strategy random, which forecasts nothing itself",
        "no proof",
        "is a 95 % credible limit under a model",
    ):
        assert expected in words, expected


def test_each_track_has_a_limit_of_its_own(unhobble, store):
    study = store.create_study(spec_with(space=space(advantage__hints=[False, True]))).id
    asyncio.run(run_study(store, study, RulePool(advantage_is_all)))
    words = unhobble("show", study).words
    assert "tasks, without advantage; believed, not measured" in words
    assert "Apart, with evaluator advantage: upper limit" in words


def test_a_study_that_failed_before_anything_was_scored_has_no_limit(unhobble, store):
    study = store.create_study(StudySpec.model_validate(STUDY)).id

    def broken(spec):
        from tests.service.search.test_loop import scored

        return scored(spec, None)

    asyncio.run(run_study(store, study, RulePool(broken)))
    said = unhobble("show", study)
    assert "What the space may hold" not in said.out
    assert json.loads(unhobble("show", study, "--json").out)["findings"]["outlook"] is None
