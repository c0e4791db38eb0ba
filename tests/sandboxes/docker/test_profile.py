"""What the engine is told of a sandbox's container, control by control, and that it arrives there."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.utils import kwargs_from_env

from sandboxes._controls import NONE, Control
from sandboxes._docker.containers import STUDY
from sandboxes._docker.keeper_binary import keeper_arguments
from sandboxes._docker.profile import Place, environment, host_config
from sandboxes.docker import Config, DockerProvider, build
from unhobble.sandboxing import SandboxSpec

MIB = 2**20


@pytest.fixture
def engine() -> Iterator[APIClient]:
    client = APIClient(version="auto", **kwargs_from_env())
    yield client
    client.close()


@pytest.fixture
async def provider() -> AsyncIterator[DockerProvider]:
    provider = build(Config(spares=0))
    yield provider
    await provider.close()


def containers(engine: APIClient, study: str) -> list[dict[str, Any]]:
    return list(engine.containers(all=True, filters={"label": f"{STUDY}={study}"}))


async def run(sandbox: Any, *argv: str) -> Any:
    return await sandbox.exec(argv, timeout_s=60, output_bytes=65_536)


@pytest.mark.docker
async def test_the_container_has_the_hardened_profile(provider: DockerProvider, engine: APIClient) -> None:
    spec = SandboxSpec(cpus=0.5, memory_bytes=64 * MIB, processes=50, disk_bytes=4 * MIB, descriptors=200)
    await provider.open(spec, label="profile", study="profile")
    (container,) = containers(engine, "profile")
    found = engine.inspect_container(container["Id"])
    host = found["HostConfig"]
    assert found["Config"]["NetworkDisabled"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == ("none", True, False, ["ALL"])
    assert (host["PidMode"], host["IpcMode"], host["UTSMode"], host["CgroupnsMode"]) == ("", "private", "", "private")
    (seccomp, privileges) = host["SecurityOpt"]
    assert json.loads(seccomp.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert privileges == "no-new-privileges:true"
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (72 * MIB, 72 * MIB, 500_000_000)
    assert host["Binds"] is None
    assert all(mount["ReadOnly"] for mount in host["Mounts"])
    assert {"/work", "/home/agent", "/tmp", "/tests"} <= host["Tmpfs"].keys()
    options = {place: set(words.split(",")) for place, words in host["Tmpfs"].items()}
    assert all({"nr_inodes=1024", "nosuid", "nodev"} <= words for words in options.values())
    agents = {"/work": 2, "/home/agent": 1, "/tmp": 1}
    assert all({f"size={size * MIB}", "mode=0700", "uid=65534"} <= options[place] for place, size in agents.items())
    assert all({f"size={4 * MIB}", "uid=0"} <= options[place] for place in ("/tests", "/run/unhobble"))
    assert {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]} == {"nofile": (200, 200), "core": (0, 0)}
    assert host["OomScoreAdj"] > 0


@pytest.mark.docker
async def test_the_limits_arrive_in_the_sandbox(provider: DockerProvider) -> None:
    sandbox = await provider.open(SandboxSpec(descriptors=200), label="limits")
    result = await run(sandbox, "bash", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Hc; cat /proc/self/oom_score_adj")
    *limits, score = (int(word) for word in result.stdout.split())
    assert limits == [200, 200, 0]
    assert score > 300  # the kernel takes a command before its keeper


@pytest.mark.docker
async def test_localhost_is_known_and_the_engines_name_servers_are_not(provider: DockerProvider) -> None:
    sandbox = await provider.open(SandboxSpec(), label="names")
    assert (await run(sandbox, "getent", "ahostsv4", "localhost")).stdout.startswith(b"127.0.0.1")
    assert (await run(sandbox, "cat", "/etc/resolv.conf")).stdout == b""


@pytest.mark.docker
async def test_the_clients_proxies_do_not_reach_a_container(
    engine: APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://user:secret@proxy"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    provider = build(Config(spares=0))
    await provider.open(SandboxSpec(), label="proxies", study="proxies")
    (container,) = containers(engine, "proxies")
    assert "secret" not in json.dumps(engine.inspect_container(container["Id"])["Config"]["Env"])
    await provider.close()


def configured(without: frozenset[Control]) -> str:
    """All that the engine, the keeper and the keeper's environment are told."""
    client = APIClient(base_url="tcp://localhost:1", version="1.41")  # only writes the request; nothing is sent
    try:
        place = Place(2, "keeper", "/volumes/keeper", ("/data",))
        told = (host_config(client, SandboxSpec(), place, None, without), environment(without), keeper_arguments(without))
        return json.dumps(told, sort_keys=True)
    finally:
        client.close()


@pytest.mark.parametrize("control", Control)
def test_each_control_changes_what_is_told_and_is_on_by_itself(control: Control) -> None:
    assert configured(NONE) == configured(frozenset())
    assert configured(frozenset({control})) != configured(NONE)
    everything_else = frozenset(Control) - {control}
    assert configured(everything_else) != configured(frozenset(Control))


def test_no_setting_switches_a_control_off() -> None:
    assert not {"without", "controls"} & set(Config.model_fields)
    assert build(Config())._provisions._without == NONE


@pytest.mark.docker
async def test_a_list_of_processes_is_short(provider: DockerProvider) -> None:
    sandbox = await provider.open(SandboxSpec(), label="list")
    shown = (await run(sandbox, "ps", "axo", "args=")).stdout.decode().splitlines()
    assert shown == ["/opt/unhobble/keeper", "ps axo args="]
    await sandbox.close()
