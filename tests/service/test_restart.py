"""The real service, killed in mid-study: API, supervised controller, Ray and bubblewrap as a user has them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

STUDY = {
    "name": "killed",
    "model": {"id": "organism/format-bound"},
    "suite": {
        "id": "builtin/shell",
        "tasks": ["log_count_503", "sql_inactive_customers", "py_tariff_closures", "algo_cell_references", "enc_inbox_to_utf8"],
    },
    "space": "tool-formats",
    "budget": {"rollouts": 60},
    "search": {"strategy": "tpe", "concurrency": 4},
    "sandbox": {"backend": "bubblewrap"},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def service(tmp_path, port: int) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """``unhobble serve`` in a process group of its own; what is left of it afterwards is killed by id."""
    environment = {**os.environ, "UNHOBBLE_DATABASE_URL": f"sqlite:///{tmp_path / 'unhobble.db'}"}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    with (tmp_path / "service.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
            wait_for(lambda: answers(api), f"the service did not start: {(tmp_path / 'service.log').read_text()[-2000:]}")
            yield api, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def answers(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(holds, message: str, within_s: float = 240) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, message
        time.sleep(0.2)


def rollouts(api: httpx.Client, study: str) -> list[dict]:
    return api.get(f"/v1/studies/{study}/rollouts", params={"limit": 1000, "state": "finished"}).json()["items"]


def events(api: httpx.Client, study: str, kind: str) -> list[dict]:
    answer = api.get(f"/v1/studies/{study}/events", params={"limit": 1000}, headers={"accept": "application/json"})
    return [event["data"] for event in answer.json()["items"] if event["kind"] == kind]


def test_a_killed_service_completes_its_study_and_no_finished_rollout_is_run_or_counted_twice(tmp_path):
    with service(tmp_path, free_port()) as (api, process):
        study = api.post("/v1/studies", json=STUDY).json()["id"]
        wait_for(lambda: len(rollouts(api, study)) >= 12, "no rollouts were finished")
        before = {r["id"]: (r["finished_at"], r["score"]) for r in rollouts(api, study)}
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)

    with service(tmp_path, free_port()) as (api, _):
        wait_for(lambda: api.get(f"/v1/studies/{study}").json()["phase"] in ("completed", "failed"), "the study did not end")
        record = api.get(f"/v1/studies/{study}").json()
        after = rollouts(api, study)
        finished = [data["id"] for data in events(api, study, "rollout_finished")]

    assert record["phase"] == "completed", record["reason"]
    assert before.items() <= {r["id"]: (r["finished_at"], r["score"]) for r in after}.items()
    assert len(finished) == len(set(finished)) == len(after) == record["progress"]["rollouts_finished"] <= 60
    spent = sum(r["spend"]["usage"]["input_tokens"] for r in after)
    assert record["progress"]["spend"]["usage"]["input_tokens"] == spent
    assert record["findings"]["confirmed"], json.dumps(record)[:500]
