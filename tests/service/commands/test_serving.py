"""``serve`` and ``organism serve``: an address to go to, an end at Ctrl-C, and words where there is no room."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from service.commands.serving import listening


@pytest.mark.parametrize("command", [["serve"], ["organism", "serve"]])
def test_an_address_that_is_taken_is_bad_input(unhobble, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = unhobble(*command, "--port", taken.getsockname()[1])
    assert said.code == 2
    assert "--port" in said.err


def test_an_answer_in_two_pieces_does_not_wait_until_the_first_is_acknowledged():
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_host_that_is_no_address_is_bad_input(unhobble):
    assert unhobble("serve", "--host", "256.256.256.256", "--port", 0).code == 2


def test_organisms_are_served_at_the_address_that_is_said_until_they_are_interrupted(home):
    command = [sys.executable, "-m", "service.cli", "organism", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as server:
        said = "".join(server.stdout.readline() for _ in range(3))
        address = json.loads(said)["address"]
        models = httpx.get(f"{address}/v1/models").json()["data"]
        os.killpg(server.pid, signal.SIGINT)
        rest, errors = server.communicate(timeout=30)
    assert "organism/compliant" in {model["id"] for model in models}
    assert (server.returncode, rest) == (0, "")
    assert "Traceback" not in errors


def serve_organisms(*words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "service.cli", "organism", "serve", "--port", "0", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, env=os.environ | environment, start_new_session=True)


def test_organisms_can_be_chosen_and_slowed_down_and_kept_for_those_with_the_key(home):
    words = ["--only", "plan-bound", "--only", "organism/compliant", "--latency", "0.3", "--api-key-env", "ORGANISM_KEY"]
    with serve_organisms(*words, "--json", ORGANISM_KEY="sk-of-this-server") as server:
        address = json.loads("".join(server.stdout.readline() for _ in range(3)))["address"]
        stranger = httpx.get(f"{address}/v1/models")
        headers = {"authorization": "Bearer sk-of-this-server"}
        models = httpx.get(f"{address}/v1/models", headers=headers).json()["data"]
        body = {"model": "organism/plan-bound", "messages": [{"role": "user", "content": "hi"}]}
        answer = httpx.post(f"{address}/v1/chat/completions", headers=headers, json=body)
        os.killpg(server.pid, signal.SIGINT)
        server.communicate(timeout=30)
    assert stranger.status_code == 401
    assert {model["id"] for model in models} == {"organism/plan-bound", "organism/compliant"}
    assert answer.json()["simulated"]
    assert answer.elapsed.total_seconds() >= 0.3


def test_what_is_served_is_said_with_what_a_study_needs(home):
    with serve_organisms("--only", "compliant", "--api-key-env", "ORGANISM_KEY", ORGANISM_KEY="sk-of-this-server") as server:
        said = ""
        for line in server.stderr:
            said += line
            if "model: {" in line:
                break
        os.killpg(server.pid, signal.SIGINT)
        server.communicate(timeout=30)
    assert "SIMULATED" in said
    assert "organism/compliant  Solves nearly everything" in said
    assert "api_key_env: ORGANISM_KEY}" in said
    assert "sk-of-this-server" not in said


def test_an_organism_that_is_not_there_and_a_key_that_is_not_set_are_bad_input(unhobble, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    nobody = unhobble("organism", "serve", "--only", "nobody", "--port", 0)
    keyless = unhobble("organism", "serve", "--api-key-env", "NO_SUCH_KEY", "--port", 0)
    assert (nobody.code, keyless.code) == (2, 2)
    assert "nobody" in nobody.err
    assert "NO_SUCH_KEY" in keyless.err
