"""The Python client against the real service over a real socket, and against servers that misbehave."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import uvicorn
import yaml

from service.app import create_app
from service.commands.serving import listening
from service.db import open_store
from service.exports import BestConfiguration
from service.settings import Settings
from tests.playing import EVERYDAY
from tests.service.search.test_loop import RulePool, is_xml
from tests.service.search.test_loop import run as run_study
from unhobble.client import Client, ServiceError
from unhobble.errors import BadInput, Conflict, NotFound
from unhobble.vocabulary import Phase

STUDY = {
    "name": "a study",
    "model": {"id": "organism/compliant"},
    "suite": {"id": "builtin/shell", "tasks": list(EVERYDAY)},
    "space": "tool-formats",
    "budget": {"rollouts": 120},
    "search": {"strategy": "random", "concurrency": 4},
    "sandbox": {"backend": "auto"},
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('client') / 'unhobble.db'}"


@pytest.fixture(scope="module")
def address(database):
    """The service without a controller, on a free port, in a thread."""
    application = create_app(Settings(database_url=database), with_controller=False)
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def store(database):
    with open_store(database) as opened:
        yield opened


@pytest.fixture
def client(address):
    with Client(address) as opened:
        yield opened


@pytest.fixture(scope="module")
def completed(address, store):
    with Client(address) as opened:
        study = opened.submit(STUDY | {"name": "done"})["id"]
    asyncio.run(run_study(store, study, RulePool(is_xml)))
    return study


# --- against the service --------------------------------------------------------------------------------------------------
def test_a_study_is_submitted_as_a_mapping_or_as_yaml(client):
    study = client.submit(STUDY)
    assert client.study(study["id"]) == study
    assert client.submit(yaml.safe_dump(STUDY))["name"] == "a study"


def test_the_same_key_gives_the_same_study(client):
    assert client.submit(STUDY, idempotency_key="k")["id"] == client.submit(STUDY, idempotency_key="k")["id"]


def test_a_dry_run_says_what_a_study_would_be_and_stores_nothing(client):
    before = len(list(client.studies()))
    assert client.validate(STUDY)["simulated"] is True
    assert len(list(client.studies())) == before


def test_bad_input_comes_back_with_every_issue_and_its_path(client):
    with pytest.raises(BadInput) as caught:
        client.submit(STUDY | {"space": "nowhere", "budget": {"rollouts": 1}})
    assert {"space", "budget.rollouts"} <= {issue.path for issue in caught.value.issues}


@pytest.mark.parametrize("call", ["study", "pause", "resume", "cancel", "delete", "best", "export", "rollout"])
@pytest.mark.parametrize("name", ["nothing", "no/such", "a b?c#d"])
def test_what_does_not_exist_is_not_found_whatever_its_name(client, call, name):
    with pytest.raises(NotFound):
        getattr(client, call)(name)


def test_a_study_is_steered_and_then_deleted(client):
    study = client.submit(STUDY)["id"]
    assert client.pause(study)["phase"] == "paused"
    assert client.resume(study)["phase"] == "queued"
    with pytest.raises(Conflict):
        client.delete(study)
    assert client.cancel(study)["phase"] == "cancelled"
    client.delete(study)
    with pytest.raises(NotFound):
        client.study(study)


def test_iterators_walk_through_all_pages(client, address, completed):
    with Client(address) as small:
        send, asked = small._send, []

        def in_pages_of_two(method, path, **more):
            asked.append(path)
            return send(method, path, **{**more, "params": more["params"] | {"limit": 2}})

        small._send = in_pages_of_two
        rollouts = [rollout["id"] for rollout in small.rollouts(completed, split="held_out")]
        trials = [trial["number"] for trial in small.trials(completed, order="score")]
        studies = [study["id"] for study in small.studies()]
    assert rollouts == [rollout["id"] for rollout in client.rollouts(completed, split="held_out")]
    assert len(rollouts) == len(set(rollouts)) > 2
    assert sorted(trials) == [trial["number"] for trial in client.trials(completed)]
    assert completed in studies
    assert len(asked) > 3


def test_rollouts_are_filtered_and_one_comes_with_its_transcript(client, completed):
    spurious = list(client.rollouts(completed, label="spurious", trial=0))
    assert {rollout["label"]["class"] for rollout in spurious} == {"spurious"}
    assert {rollout["trial"] for rollout in spurious} == {0}
    assert client.rollout(spurious[0]["id"])["transcript"]["schema_version"] == 3


def test_the_best_configuration_comes_as_a_mapping_and_as_a_file(client, completed):
    best = client.best(completed)
    assert BestConfiguration.read(client.export(completed)).model_dump(mode="json") == best
    assert json.loads(client.export(completed, format="json")) == best
    assert client.best(completed, track="without-advantage") == best
    assert json.loads(client.export(completed, format="json", track="without")) == best
    with pytest.raises(NotFound, match="without-advantage"):
        client.best(completed, track="with-advantage")


def test_what_is_believed_of_a_configuration_is_asked(client, completed):
    best = client.best(completed)["configuration"]
    other = best | {"tool_format": "native"}
    answer = client.predict(completed, [best, other])
    assert [one["configuration"] for one in answer["predictions"]] == [best, other]
    assert answer["predictions"][0]["mean"] > answer["predictions"][1]["mean"]
    with pytest.raises(BadInput, match=r"configurations\.0\.tool_format.*configurations\.1"):
        client.predict(completed, [best | {"tool_format": float("nan")}, "xml_tags"])
    with pytest.raises(Conflict, match="no scored rollout"):
        client.predict(client.submit(STUDY)["id"], [best])


def test_nothing_is_exported_before_it_is_confirmed(client):
    with pytest.raises(Conflict, match="nothing is confirmed"):
        client.export(client.submit(STUDY)["id"])


def test_the_catalog_is_read(client):
    assert "react" in {plugin["id"] for plugin in client.catalog()["scaffolds"]}


def test_every_event_of_a_finished_study_comes_once_and_in_order(client, store, completed):
    numbers = [event["number"] for event in client.events(completed)]
    assert numbers == [event.number for event in store.events(completed, limit=10_000)]
    assert [event["number"] for event in client.events(completed, after=numbers[-3])] == numbers[-2:]


def test_events_are_followed_until_the_study_ends(client, store):
    study = client.submit(STUDY)["id"]
    events = client.events(study)
    assert next(events)["kind"] == "study_created"
    store.transition(study, Phase.cancelled)
    assert [event["data"]["to"] for event in events] == ["cancelled"]


def test_events_of_a_study_that_does_not_exist_are_not_found(client):
    with pytest.raises(NotFound):
        next(client.events("nothing"))


# --- against servers that misbehave -----------------------------------------------------------------------------------------
class Breaking(BaseHTTPRequestHandler):
    """Sends one event a connection and then breaks it off in the middle of the next; the study ends with the third."""

    protocol_version = "HTTP/1.1"
    last = 3

    def do_GET(self):
        if not self.path.endswith("/events") and "/events?" not in self.path:
            return self.say_json({"id": "s", "phase": "completed"})
        if "event-stream" not in self.headers["accept"]:
            return self.say_json({"items": [], "next_after": self.last})
        after = int(self.headers["last-event-id"])
        self.server.asked.append(after)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")  # or the client may send its next request on a connection that is about to go
        self.end_headers()
        if after < self.last:
            self.chunk(f": ping\r\n\r\nid: {after + 1}\r\nevent: e\r\ndata: {json.dumps({'number': after + 1})}\r\n\r\n")
            self.chunk(f'id: {after + 2}\r\ndata: {{"number"')
        else:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True
        return None

    def chunk(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

    def say_json(self, document) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def breaking():
    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_stream_that_breaks_is_taken_up_after_the_last_event(breaking):
    with Client(f"http://127.0.0.1:{breaking.server_port}") as client:
        assert [event["number"] for event in client.events("s")] == [1, 2, 3]
    assert breaking.asked == [0, 1, 2, 3]


def test_a_stream_is_given_up_when_the_service_stays_away():
    with Client("http://127.0.0.1:1") as client, pytest.raises(ServiceError, match="gave up after"):
        next(client.events("s", patience_s=0.1))


def answering(**answer) -> Client:
    return Client("http://unhobble", transport=httpx.MockTransport(lambda _: httpx.Response(**answer)))


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 200, "html": "<html>a proxy</html>"},
        {"status_code": 200, "json": ["a list"]},
        {"status_code": 502, "text": "bad gateway"},
        {"status_code": 404, "html": "<html>not found</html>"},
        {"status_code": 500, "json": {"detail": "oh"}, "headers": {"content-type": "application/problem+json"}},
    ],
)
def test_an_answer_that_is_not_of_unhobble_is_a_service_error(answer):
    with answering(**answer) as client, pytest.raises(ServiceError):
        client.study("s")


def test_a_problem_without_issues_keeps_its_detail():
    problem = {"status_code": 422, "json": {"detail": "no"}, "headers": {"content-type": "application/problem+json"}}
    with answering(**problem) as client, pytest.raises(BadInput, match="no"):
        client.submit({})


def test_a_service_that_cannot_be_reached_is_named_with_its_address():
    with Client("http://127.0.0.1:1") as client, pytest.raises(ServiceError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        client.study("s")


@pytest.mark.parametrize("address", ["localhost:8642", "ftp://x", ""])
def test_an_address_without_http_is_bad_input(address):
    with pytest.raises(BadInput, match="http://"):
        Client(address)
