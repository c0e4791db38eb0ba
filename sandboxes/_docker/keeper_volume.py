"""The volume at an engine that holds the keeper's program, from which every sandbox runs it.

A volume works at an engine on another machine too, where a file of the worker's could not be mounted. It is checked once by each
worker, byte for byte, because one that was killed while it filled a volume leaves half a program.
"""

import contextlib
import io
import tarfile
import time
from dataclasses import dataclass
from datetime import datetime

from docker import APIClient
from docker.errors import APIError, NotFound
from docker.types import Mount

from sandboxes._docker.keeper_binary import KEEPER_VERSION, keeper_binary
from sandboxes._owner import Realm

_LABEL = "unhobble.keeper"
_PLACE = "/opt/unhobble"
_OLD_S = 86_400.0
# Not ::1 for localhost: a program that tries one address only would miss those that listen on 127.0.0.1.
_HOSTS = b"127.0.0.1 localhost sandbox\n::1 ip6-localhost ip6-loopback\n"


@dataclass(frozen=True)
class KeeperVolume:
    """A volume with a keeper, and where the engine's machine has it."""

    name: str
    directory: str


def ready(client: APIClient, image: str, machine: str, realm: Realm, labels: dict[str, str]) -> KeeperVolume:
    """The volume of this version for a processor, filled. ``image`` may be any: it is never run.

    Blocks. Raises ``SandboxError`` where there is no keeper to fill it with.
    """
    files = {"keeper": keeper_binary(machine), "hosts": _HOSTS}
    name = f"unhobble-keeper-{KEEPER_VERSION}"
    # A program that is being replaced cannot be run.
    with realm.alone("keeping"):
        volume = client.create_volume(name, labels={_LABEL: KEEPER_VERSION})
        # Never started: the engine writes and reads the volume by itself.
        mount = Mount(_PLACE, name, type="volume", no_copy=True)
        config = client.create_host_config(network_mode="none", mounts=[mount])
        container = client.create_container(image, command=["keeper"], host_config=config, labels=labels)["Id"]
        try:
            if any(_content(client, container, file) != content for file, content in files.items()):
                client.put_archive(container, _PLACE, _archive(files))
        finally:
            client.remove_container(container, force=True, v=True)
    return KeeperVolume(name, volume["Mountpoint"])


def sweep(client: APIClient) -> list[str]:
    """Remove old keepers of other versions that no container uses."""
    swept = []
    for found in client.volumes(filters={"label": _LABEL})["Volumes"] or ():
        age_s = time.time() - datetime.fromisoformat(found["CreatedAt"]).timestamp()
        # A worker of another version may be about to use one that is new.
        if found["Name"] != f"unhobble-keeper-{KEEPER_VERSION}" and age_s > _OLD_S:
            # In use, or another worker was first.
            with contextlib.suppress(APIError):
                client.remove_volume(found["Name"])
                swept.append(f"volume {found['Name']}")
    return swept


def _content(client: APIClient, container: str, name: str) -> bytes | None:
    try:
        chunks, _ = client.get_archive(container, f"{_PLACE}/{name}")
    except NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        file = tar.extractfile(name)
        return file.read() if file else None


def _archive(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
