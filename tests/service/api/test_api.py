"""The HTTP API over a real SQLite store. The controller is not started: what it would do is done through the store."""

import asyncio
import json

import httpx
import pytest
import yaml

from search_spaces.space import Space
from service.api.schemas import TrialOut
from service.app import create_app
from service.settings import Settings
from tests.playing import EVERYDAY
from tests.service.search.test_loop import RulePool, is_xml, run
from tests.service.search.test_tracks import advantage_is_all
from tests.service.test_advantage_door import space
from unhobble.candidates import candidate_digest
from unhobble.configuration import Configuration
from unhobble.records import TrialRecord
from unhobble.registry import installed
from unhobble.vocabulary import Phase, TrialState

STUDY = {
    "name": "a study",
    "model": {"id": "organism/compliant"},
    "suite": {"id": "builtin/shell", "tasks": list(EVERYDAY)},
    "space": "tool-formats",
    "budget": {"rollouts": 120},
    "search": {"strategy": "random", "concurrency": 4},
    "sandbox": {"backend": "bubblewrap"},
}


@pytest.fixture
async def app(tmp_path):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'unhobble.db'}"), with_controller=False)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def api(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://unhobble") as client:
        yield client


async def submitted(api, **changes) -> str:
    answer = await api.post("/v1/studies", json=STUDY | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def completed(api, app) -> str:
    study = await submitted(api)
    await run(app.state.studies.store, study, RulePool(is_xml))
    return study


def errors(answer) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["path"]: error["message"] for error in answer.json()["errors"]}


async def test_a_submitted_study_is_stored_with_its_location_and_says_that_the_model_is_simulated(api):
    answer = await api.post("/v1/studies", json=STUDY)
    body = answer.json()
    assert answer.headers["location"] == f"/v1/studies/{body['id']}"
    assert (body["phase"], body["simulated"], body["name"]) == ("queued", True, "a study")
    assert (await api.get(answer.headers["location"])).json() == body


async def test_yaml_is_taken_as_well(api):
    answer = await api.post("/v1/studies", content=yaml.safe_dump(STUDY), headers={"content-type": "application/yaml"})
    assert answer.status_code == 201


async def test_the_same_key_gives_the_same_study_and_another_body_is_refused(api):
    headers = {"idempotency-key": "k1"}
    first, again = [(await api.post("/v1/studies", json=STUDY, headers=headers)).json()["id"] for _ in range(2)]
    other = await api.post("/v1/studies", json=STUDY | {"name": "another"}, headers=headers)
    assert first == again
    assert other.status_code == 422
    assert len((await api.get("/v1/studies")).json()["items"]) == 1


BAD = {
    "an unknown field": ({"colour": "red"}, "colour", "unknown field"),
    "a field inside": ({"budget": {"rollouts": 120, "pounds": 3}}, "budget.pounds", "unknown field"),
    "a negative budget": ({"budget": {"rollouts": -5}}, "budget.rollouts", "greater than or equal to 1"),
    "an unknown suite": ({"suite": {"id": "builtin/none"}}, "suite.id", "builtin/shell"),
    "an empty suite": ({"suite": {"id": "builtin/shell", "tasks": []}}, "suite.tasks", "at least 2"),
    "an unknown task": ({"suite": {"id": "builtin/shell", "tasks": ["nope"]}}, "suite.tasks", "nope"),
    "an unknown preset": ({"space": "everything"}, "space", "default"),
    "an unknown organism": ({"model": {"id": "organism/nobody"}}, "model.id", "compliant"),
    "a key that is not set": (
        {"model": {"id": "openai/x", "api_key_env": "NO_SUCH_KEY_HERE"}},
        "model.api_key_env",
        "NO_SUCH_KEY_HERE is not set",
    ),
    "no key at all": ({"model": {"id": "openai/x"}}, "model.api_key_env", "is missing"),
    "an unknown strategy": ({"search": {"strategy": "magic"}}, "search.strategy", "tpe"),
    "an option out of its range": ({"search": {"options": {"first_tasks": 0}}}, "search.options", "first_tasks"),
    "an unknown sandbox": ({"sandbox": {"backend": "vm"}}, "sandbox.backend", "bubblewrap"),
    "a folder of the service as image": ({"sandbox": {"image": "build:/etc"}}, "sandbox", "name an image"),
    "a host that is none": ({"sandbox": {"network": "allowlist", "hosts": ["127.1"]}}, "sandbox.hosts", "127.1"),
    "an unknown network": ({"sandbox": {"network": "bridge"}}, "sandbox.network", "allowlist"),
    "a baseline outside a schema": (
        {
            "baseline": {
                "prompt": "plain",
                "tool_format": "native",
                "scaffold": "react",
                "model.temperature": 7,
                "scaffold.speed": 1,
            }
        },
        "baseline.model.temperature",
        "less than or equal to 2",
    ),
    "too few rollouts": ({"budget": {"rollouts": 9}}, "budget.rollouts", "too few"),
    "dollars without a ceiling for one rollout": ({"budget": {"rollouts": 120, "usd": 5}}, "limits.usd", "is missing"),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_is_one_clear_answer_and_nothing_is_stored(api, case):
    changes, path, says = BAD[case]
    answer = await api.post("/v1/studies", json=STUDY | changes)
    assert answer.status_code == 422
    found = errors(answer)
    assert says in next(message for where, message in found.items() if where.startswith(path)), found
    assert (await api.get("/v1/studies")).json()["items"] == []


async def test_all_that_is_wrong_is_said_at_once(api):
    space = {
        "name": "mine",
        "dimensions": {
            "prompt": {"choice": ["plain", "shouting"]},
            "tool_format": {"choice": ["native"]},
            "scaffold": {"choice": ["react"]},
            "scaffold.attempts": {"int": [2, 3]},
        },
        "baseline": {"prompt": "plain", "tool_format": "native", "scaffold": "react"},
    }
    changes = {"space": space, "suite": {"id": "none"}, "model": {"id": "organism/nobody"}, "sandbox": {"backend": "vm"}}
    found = errors(await api.post("/v1/studies", json=STUDY | changes))
    wanted = ("space.dimensions.prompt", "space.dimensions.scaffold.attempts", "suite.id", "model.id", "sandbox.backend")
    for path in wanted:
        assert any(where.startswith(path) for where in found), (path, found)


async def test_what_is_wrong_in_form_does_not_hide_what_is_wrong_in_substance(api):
    changes = {"colour": "red", "budget": {"rollouts": -4}, "model": {"id": "organism/nobody"}, "search": {"strategy": "magic"}}
    found = errors(await api.post("/v1/studies", json=STUDY | changes))
    assert set(found) == {"colour", "budget.rollouts", "model.id", "search.strategy"}


@pytest.mark.parametrize("body", [b"{", b"[1, 2]", b"null", b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_is_no_study_is_refused(api, body):
    answer = await api.post("/v1/studies", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_dry_run_says_what_the_study_would_be_and_stores_nothing(api):
    answer = (await api.post("/v1/studies:validate", json=STUDY)).json()
    assert answer["space_size"] == Space.load("tool-formats", installed()).size()
    assert answer["search_rollouts"] + answer["confirm_rollouts"] == 120
    assert answer["confirmation"]["epochs"] >= 1
    assert "told from none with a probability of 80 %" in answer["confirmation_tells"]
    assert ["held-out tasks" in warning for warning in answer["warnings"]] == [True]
    assert answer["sandbox"] == "bubblewrap"
    assert not set(answer["search_tasks"]) & set(answer["held_out_tasks"])
    assert (await api.get("/v1/studies")).json()["items"] == []


async def test_a_study_is_paused_resumed_cancelled_and_deleted_in_that_order_only(api):
    study = await submitted(api)
    assert (await api.delete(f"/v1/studies/{study}")).status_code == 409
    assert (await api.post(f"/v1/studies/{study}:resume")).status_code == 409
    for verb, phase in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        assert (await api.post(f"/v1/studies/{study}:{verb}")).json()["phase"] == phase
    assert (await api.post(f"/v1/studies/{study}:resume")).status_code == 409
    assert (await api.delete(f"/v1/studies/{study}")).status_code == 204
    assert (await api.get(f"/v1/studies/{study}")).status_code == 404


@pytest.mark.parametrize("path", ["", "/trials", "/rollouts", "/events", "/best", "/export"])
async def test_an_unknown_study_is_a_404_everywhere(api, path):
    answer = await api.get(f"/v1/studies/nope{path}")
    assert answer.status_code == 404
    assert "nope" in answer.json()["detail"]


async def test_an_etag_changes_only_when_the_study_does(api):
    study = await submitted(api)
    etag = (await api.get(f"/v1/studies/{study}")).headers["etag"]
    assert (await api.get(f"/v1/studies/{study}", headers={"if-none-match": etag})).status_code == 304
    await api.post(f"/v1/studies/{study}:pause")
    assert (await api.get(f"/v1/studies/{study}", headers={"if-none-match": etag})).status_code == 200


async def test_every_rollout_is_on_exactly_one_page_and_can_be_read(api, app):
    study = await completed(api, app)
    seen, cursor = [], None
    while True:
        params = {"limit": 13} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(f"/v1/studies/{study}/rollouts", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    progress = (await api.get(f"/v1/studies/{study}")).json()["progress"]
    assert len(seen) == len(set(seen)) == progress["rollouts_finished"]
    one = (await api.get(f"/v1/rollouts/{seen[0]}")).json()
    assert one["transcript"]["schema_version"] == 3
    assert one["identity"]["simulated"] is True
    spurious = (await api.get(f"/v1/studies/{study}/rollouts", params={"label": "spurious", "split": "held_out"})).json()
    assert {item["label"]["class"] for item in spurious["items"]} == {"spurious"}


@pytest.mark.slow
async def test_trials_come_by_number_or_best_first(api, app):
    study = await completed(api, app)
    by_number = (await api.get(f"/v1/studies/{study}/trials")).json()["items"]
    by_score = (await api.get(f"/v1/studies/{study}/trials", params={"order": "score"})).json()["items"]
    assert [trial["number"] for trial in by_number] == list(range(len(by_number)))
    assert by_score[0]["configuration"]["tool_format"] == "xml_tags"
    for trial in by_number:
        assert trial["candidate"] == candidate_digest(Configuration(trial["configuration"]), installed())
    assert (await api.get(f"/v1/studies/{study}/trials", params={"order": "luck"})).status_code == 422


@pytest.mark.slow
async def test_the_best_configuration_comes_as_json_and_as_yaml_and_not_before_it_is_confirmed(api, app):
    early = await submitted(api)
    assert (await api.get(f"/v1/studies/{early}/best")).status_code == 409
    await api.delete(f"/v1/studies/{early}")
    await api.post(f"/v1/studies/{early}:cancel")
    study = await completed(api, app)
    as_json = (await api.get(f"/v1/studies/{study}/best")).json()
    as_yaml = (await api.get(f"/v1/studies/{study}/best", headers={"accept": "application/yaml"})).text
    exported = await api.get(f"/v1/studies/{study}/export", params={"format": "json"})
    assert yaml.safe_load(as_yaml) == as_json == exported.json()
    assert as_json["configuration"]["tool_format"] == "xml_tags"
    assert as_json["simulated"] is True
    assert "SIMULATED" in as_yaml
    assert "attachment" in exported.headers["content-disposition"]
    again = await submitted(api, baseline=as_json["configuration"])
    assert (await api.get(f"/v1/studies/{again}")).json()["spec"]["baseline"] == as_json["configuration"]


@pytest.mark.slow
async def test_events_stream_to_the_end_and_can_be_taken_up_in_the_middle(api, app):
    study = await completed(api, app)
    page = (await api.get(f"/v1/studies/{study}/events", headers={"accept": "application/json"}, params={"limit": 1000})).json()
    numbers = [event["number"] for event in page["items"]]
    assert numbers == list(range(1, len(numbers) + 1))
    text = (await api.get(f"/v1/studies/{study}/events", headers={"last-event-id": str(len(numbers) - 3)})).text
    streamed = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    assert [event["number"] for event in streamed] == numbers[-3:]
    assert page["items"][-1]["data"]["to"] == Phase.completed


async def test_an_open_stream_shows_what_happens_while_it_is_open(api, app):
    study = await submitted(api)
    store = app.state.studies.store

    async def later():
        await asyncio.sleep(0.2)
        store.transition(study, Phase.cancelled)

    text, _ = await asyncio.gather(api.get(f"/v1/studies/{study}/events"), later())
    assert "cancelled" in text.text


async def test_the_catalog_names_every_plug_in_with_its_schema(api):
    catalog = (await api.get("/v1/catalog")).json()
    react = next(item for item in catalog["scaffolds"] if item["id"] == "react")
    assert react["summary"]
    assert react["schema"]["additionalProperties"] is False
    assert {"scaffolds", "tool_formats", "prompts", "sandboxes", "suites", "strategies"} <= set(catalog)


async def test_health_says_ready_when_the_database_answers(api):
    assert (await api.get("/healthz")).json()["status"] == "ok"
    assert (await api.get("/readyz")).json()["database"] == "ok"
    assert (await api.get("/nowhere")).headers["content-type"] == "application/problem+json"


@pytest.mark.slow
async def test_a_trial_names_its_track_and_a_track_s_best_is_exported_by_its_name(api, app):
    study = await submitted(
        api, space=space(tool_format=["native", "xml_tags"], advantage__hints=[False, True]), budget={"rollouts": 300}
    )
    await run(app.state.studies.store, study, RulePool(advantage_is_all))
    trials = (await api.get(f"/v1/studies/{study}/trials", params={"order": "score"})).json()["items"]
    named = {trial["track"]: trial["advantage"] for trial in trials}
    assert named == {"without-advantage": [], "with-advantage": ["hints from the task"]}
    for what in ("best", "export?format=json"):
        join = "&" if "?" in what else "?"
        plain = (await api.get(f"/v1/studies/{study}/{what}")).json()
        apart = (await api.get(f"/v1/studies/{study}/{what}{join}track=with-advantage")).json()
        assert (plain["advantage"], apart["advantage"]) == ([], ["hints from the task"])
    unknown = await api.get(f"/v1/studies/{study}/export", params={"track": "nobody"})
    assert unknown.status_code == 404
    assert "without-advantage, with-advantage" in unknown.json()["detail"]
    shown = (await api.get(f"/v1/studies/{study}")).json()
    assert "advantage.hints" in shown["best_so_far"]["configuration"]
    assert shown["best_so_far"]["configuration"]["advantage.hints"] is False
    assert [other["track"]["advantage"] for other in shown["findings"]["confirmed"]["others"]] == [True]


def test_a_trial_whose_scaffold_is_not_installed_any_more_has_no_track():
    record = TrialRecord(
        number=1, candidate="a candidate", configuration={"scaffold": "gone"}, state=TrialState.complete, scored=0, mean_score=None
    )
    assert TrialOut.of(record, installed()).track is None
