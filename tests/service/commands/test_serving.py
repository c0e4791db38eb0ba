"""``serve`` and ``organism serve``: an address to go to, an end at Ctrl-C, and words where there is no room."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest


@pytest.mark.parametrize("command", [["serve"], ["organism", "serve"]])
def test_an_address_that_is_taken_is_bad_input(unhobble, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = unhobble(*command, "--port", taken.getsockname()[1])
    assert said.code == 2
    assert "--port" in said.err


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
