"""The volume from which sandboxes run their keeper: whole whatever was killed, and gone when nobody needs it."""

import secrets
import time
from collections.abc import Iterator

import pytest
from docker import APIClient
from docker.types import Mount
from docker.utils import kwargs_from_env

from sandboxes._docker import keeper_volume as _keeper_volume
from sandboxes.docker import DEFAULT_IMAGE, Config, build
from unhobble.sandboxing import SandboxSpec


@pytest.fixture
def engine() -> Iterator[APIClient]:
    client = APIClient(version="auto", **kwargs_from_env())
    yield client
    client.close()


@pytest.mark.docker
@pytest.mark.parametrize("content", [b"half a program", None], ids=["half filled", "empty"])
async def test_a_keeper_volume_that_a_killed_worker_left_is_filled(
    engine: APIClient, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    version = f"test-{secrets.token_hex(4)}"
    monkeypatch.setattr(_keeper_volume, "KEEPER_VERSION", version)
    volume = f"unhobble-keeper-{version}"
    engine.create_volume(volume)
    if content:
        mount = Mount("/opt/unhobble", volume, type="volume")
        container = engine.create_container(DEFAULT_IMAGE, ["x"], host_config=engine.create_host_config(mounts=[mount]))["Id"]
        engine.put_archive(container, "/opt/unhobble", _keeper_volume._archive({"keeper": content}))
        engine.remove_container(container)
    provider = build(Config(spares=0))
    try:
        sandbox = await provider.open(SandboxSpec(), label="heal")
        assert (await sandbox.exec(["true"], timeout_s=60, output_bytes=100)).ok
    finally:
        await provider.close()
        engine.remove_volume(volume)


@pytest.mark.docker
def test_old_keepers_of_other_versions_are_swept(engine: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"unhobble-keeper-test-{secrets.token_hex(4)}"
    engine.create_volume(name, labels={"unhobble.keeper": "test"})
    _keeper_volume.sweep(engine)
    assert engine.inspect_volume(name)
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + 100_000)
    assert f"volume {name}" in _keeper_volume.sweep(engine)
