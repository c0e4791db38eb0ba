"""``POST /v1/studies/{id}:predict`` over a real SQLite store."""

import asyncio
import threading

import httpx
import pytest
import yaml

from service import predicting
from service.app import create_app
from service.db import open_store
from service.settings import Settings
from tests.service.search.test_loop import RulePool, is_xml, run, study_spec
from tests.service.search.test_tracks import advantage_is_all
from tests.service.test_advantage_door import space
from unhobble.registry import installed
from unhobble.vocabulary import Phase

BASELINE = {
    "prompt": "plain",
    "tool_format": "native",
    "tool_format.strict": True,
    "tool_format.feedback": "example",
    "scaffold": "react",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('predict') / 'unhobble.db'}"


@pytest.fixture(scope="module")
def searched(database):
    """A finished study, whose rollouts score where the tool format is ``xml_tags``."""
    with open_store(database) as store:
        study = store.create_study(study_spec()).id
        asyncio.run(run(store, study, RulePool(is_xml)))
        return study


@pytest.fixture
async def app(database):
    app = create_app(Settings(database_url=database), with_controller=False)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def api(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://unhobble") as client:
        yield client


async def predicted(api, study: str, *configurations: object) -> dict:
    answer = await api.post(f"/v1/studies/{study}:predict", json={"configurations": configurations})
    assert answer.status_code == 200, answer.text
    return answer.json()


def errors(answer) -> dict[str, str]:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    return {error["path"]: error["message"] for error in answer.json()["errors"]}


async def test_any_configuration_of_the_space_is_predicted_tried_or_not(api, searched):
    trials = (await api.get(f"/v1/studies/{searched}/trials", params={"limit": 1000})).json()["items"]
    every = [dict(one.root) for one in predicting.problem_of(study_spec(), installed()).space.enumerate()]
    answer = await predicted(api, searched, *every[:100])
    known = {trial["configuration_hash"]: trial for trial in trials}
    assert [one["configuration"] for one in answer["predictions"]] == every[:100]
    for one in answer["predictions"]:
        trial = known.get(one["configuration_hash"], {"number": None, "scored": 0})
        assert (one["tried"], one["trial"], one["rollouts"]) == (trial["number"] is not None, trial["number"], trial["scored"])
        assert 0 <= one["low"] <= one["mean"] <= one["high"] <= 1
        assert 0 <= one["probability_better"] <= 1
    assert {one["tried"] for one in answer["predictions"]} == {True, False}
    best = (await api.get(f"/v1/studies/{searched}")).json()["best_so_far"]["configuration"]
    xml, native = (await predicted(api, searched, best, BASELINE))["predictions"]
    assert best["tool_format"] == "xml_tags"
    assert xml["mean"] > native["mean"] + 0.3
    assert xml["probability_better"] == 0
    assert native["probability_better"] < 0.05


async def test_it_is_said_what_the_figures_rest_on_and_that_they_are_of_a_simulated_model(api, searched):
    study = (await api.get(f"/v1/studies/{searched}")).json()
    answer = await predicted(api, searched, BASELINE)
    of_search = sum(trial["scored"] for trial in (await api.get(f"/v1/studies/{searched}/trials")).json()["items"])
    assert (answer["study"], answer["strategy"], answer["simulated"]) == (searched, "random", True)
    assert answer["rollouts"] == of_search == study["findings"]["outlook"]["rollouts"]
    assert "credible, not measured" in answer["words"]
    assert answer["predictions"][0]["better_than"] == study["best_so_far"]["trial"]


async def test_yaml_is_taken_as_well(api, searched):
    text = yaml.safe_dump({"configurations": [BASELINE, BASELINE]})
    answer = await api.post(f"/v1/studies/{searched}:predict", content=text, headers={"content-type": "application/yaml"})
    first, second = answer.json()["predictions"]
    assert first == second


async def test_all_that_is_wrong_with_any_configuration_is_said_at_once(api, searched):
    bad = [
        BASELINE | {"tool_format": "morse"},
        BASELINE,
        {"prompt": "plain", "scaffold": "react", "model.temperature": 7, "tool_format": "native", "tool_format.strict": "perhaps"},
        "native",
        BASELINE | {"prompt": ["plain"], "scaffold": None},
        BASELINE | {"tool_format.feedback": float("nan")},
    ]
    body = yaml.safe_dump({"configurations": bad, "draws": 5})
    answer = await api.post(f"/v1/studies/{searched}:predict", content=body, headers={"content-type": "application/yaml"})
    found = errors(answer)
    assert set(found) == {
        "draws",
        "configurations.0.tool_format",
        "configurations.2.tool_format.feedback",
        "configurations.2.model.temperature",
        "configurations.2.tool_format.strict",
        "configurations.3",
        "configurations.4.prompt",
        "configurations.4.scaffold",
        "configurations.5.tool_format.feedback",
    }
    assert "xml_tags" in found["configurations.0.tool_format"]
    assert "mapping" in found["configurations.3"]


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ([BASELINE], "", "must be a mapping"),
        ({}, "configurations", "not nothing"),
        ({"configurations": BASELINE}, "configurations", "must be a list"),
        ({"configurations": []}, "configurations", "not 0 of them"),
        ({"configurations": [BASELINE] * 101}, "configurations", "1 to 100 configurations, not 101"),
    ],
)
async def test_a_body_of_another_shape_is_refused(api, searched, body, path, says):
    assert says in errors(await api.post(f"/v1/studies/{searched}:predict", json=body))[path]


async def test_a_study_that_does_not_exist_is_not_found(api):
    assert (await api.post("/v1/studies/nothing:predict", json={"configurations": [BASELINE]})).status_code == 404


async def test_before_any_rollout_has_a_score_the_state_does_not_allow_it(api, app):
    study = app.state.studies.store.create_study(study_spec()).id
    answer = await api.post(f"/v1/studies/{study}:predict", json={"configurations": [BASELINE]})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert "queued and has no scored rollout" in answer.json()["detail"]


async def test_a_study_whose_suite_is_gone_cannot_be_predicted(api, searched, monkeypatch):
    def gone(*_: object) -> None:
        raise predicting.BadInput([predicting.Issue("suite.id", "no such suite")])

    monkeypatch.setattr(predicting, "problem_of", gone)
    answer = await api.post(f"/v1/studies/{searched}:predict", json={"configurations": [BASELINE]})
    assert answer.status_code == 409
    assert "no such suite" in answer.json()["detail"]


async def test_trials_that_are_retired_count_no_more(api, app):
    store = app.state.studies.store
    study = store.create_study(study_spec()).id
    pool = RulePool(is_xml, die_after=60)
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, pool)
    before = await predicted(api, study, BASELINE)
    lease = store.acquire("me", ttl_s=30, study_id=study)
    store.set_trial_state(lease, 0, predicting.TrialState.retired)
    after = await predicted(api, study, BASELINE)
    scored = before["predictions"][0]["rollouts"]
    assert scored > 0
    assert after["rollouts"] == before["rollouts"] - scored
    assert (after["predictions"][0]["tried"], after["predictions"][0]["trial"]) == (False, None)
    store.transition(study, Phase.cancelled)


async def test_what_has_an_advantage_is_set_against_its_like(api, app):
    store = app.state.studies.store
    study = store.create_study(study_spec(space=space(advantage__hints=[False, True]))).id
    await run(store, study, RulePool(advantage_is_all))
    shown = (await api.get(f"/v1/studies/{study}")).json()["findings"]
    apart = shown["others"][0]
    given = apart["best_so_far"]["configuration"]
    without, with_it = (await predicted(api, study, given | {"advantage.hints": False}, given))["predictions"]
    assert (without["track"], with_it["track"]) == ("without-advantage", "with-advantage")
    assert without["better_than"] == shown["best_so_far"]["trial"]
    assert with_it["better_than"] == apart["best_so_far"]["trial"] != without["better_than"]
    assert with_it["mean"] > without["mean"]
    assert apart["outlook"]["upper_limit"] > shown["outlook"]["upper_limit"]


async def test_a_study_is_fitted_once_and_again_after_further_rollouts(app, searched, monkeypatch):
    studies, fitted = app.state.studies, []
    fit = predicting._fitted
    monkeypatch.setattr(predicting, "_fitted", lambda *what: fitted.append(what) or fit(*what))
    for _ in range(3):
        studies.predict(searched, {"configurations": [BASELINE]})
    assert len(fitted) == 1
    others = [studies.store.create_study(study_spec()).id for _ in range(predicting._KEPT)]
    for other in others:  # none has a rollout, but each takes a place
        with pytest.raises(predicting.Conflict):
            studies.predict(other, {"configurations": [BASELINE]})
    assert len(studies.forecasts._kept) == predicting._KEPT
    studies.predict(searched, {"configurations": [BASELINE]})
    assert len(fitted) == 1 + len(others) + 1


async def test_other_requests_are_answered_while_a_study_is_fitted(api, searched, monkeypatch):
    fit, began, may_end = predicting._fitted, threading.Event(), threading.Event()

    def slow(*what):
        began.set()
        assert may_end.wait(60)
        return fit(*what)

    monkeypatch.setattr(predicting, "_fitted", slow)
    asked = asyncio.create_task(predicted(api, searched, BASELINE))
    while not began.is_set():
        await asyncio.sleep(0.01)
    assert (await api.get("/healthz")).status_code == 200
    assert not asked.done()
    may_end.set()
    assert len((await asked)["predictions"]) == 1
