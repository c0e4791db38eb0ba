"""How a sandbox's container is made and unmade. Every function here blocks; ``Engine.call`` runs it in a thread."""

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound
from requests.exceptions import ConnectionError as Disconnected
from requests.exceptions import ReadTimeout

from sandboxes._controls import NONE, Control
from sandboxes._docker.engine import attach
from sandboxes._docker.keeper_binary import KEEPER_PATH, keeper_arguments
from sandboxes._docker.profile import Place, environment, host_config
from sandboxes._owner import Realm
from unhobble.sandboxing import SandboxSpec

REALM, OWNER, STUDY, ROLLOUT = "unhobble.realm", "unhobble.owner", "unhobble.study", "unhobble.rollout"
"""The labels of what is ours at an engine. A container that was started ahead of need has no rollout but in its later name."""

_LEAVING_S = 5
_REMOVAL_S = 15
_EVENTS_S = 3
_ABANDONED_S = 600.0
_CONFLICT = 409


@dataclass(frozen=True)
class Container:
    """A container to be started: its image by id, its limits, and what marks it as ours."""

    name: str
    image: str
    spec: SandboxSpec
    place: Place
    labels: dict[str, str]
    runtime: str | None = None
    without: frozenset[Control] = NONE


def start(client: APIClient, wanted: Container) -> tuple[str, socket.socket]:
    """Start a container. Returns its id and the connection to its keeper's standard streams."""
    without = wanted.without
    container: str = client.create_container(
        image=wanted.image,
        command=[KEEPER_PATH, *keeper_arguments(without)],
        entrypoint=[],
        name=wanted.name,
        user="0:0",
        working_dir="/",
        hostname="sandbox",
        labels=wanted.labels,
        environment=environment(without),
        # The addresses of the client's own proxies, and the passwords in them, are nothing for a sandbox.
        use_config_proxy=False,
        # One that the image has would run beside the keeper, and out of its sight.
        healthcheck={"test": ["NONE"]},
        stdin_open=True,
        # The kernel's empty network is enough. One that the engine makes costs as much as all the rest of a start.
        network_disabled=Control.network not in without,
        host_config=host_config(client, wanted.spec, wanted.place, wanted.runtime, without),
    )["Id"]
    try:
        connection = attach(client, container)
        try:
            client.start(container)
        except BaseException:
            connection.close()
            raise
    except BaseException:
        # One that was never started is not removed by the engine.
        with contextlib.suppress(APIError, OSError):
            client.remove_container(container, force=True, v=True)
        raise
    return container, connection


def remove(client: APIClient, name: str, *, leaving: bool = False) -> None:
    """Remove a container, if there is one of this name or id, and see it gone.

    ``leaving``: its keeper was hung up on, so it goes by itself, which costs the engine less than to kill it.
    """
    with contextlib.suppress(NotFound):
        if leaving and _goes(client, name, _LEAVING_S):
            return
        try:
            client.remove_container(name, force=True, v=True)
        except APIError as error:
            # The engine may be removing it already, because its keeper has left.
            if error.status_code != _CONFLICT or not _goes(client, name, _REMOVAL_S):
                raise


def ended_for_memory(client: APIClient, container: str) -> bool:
    """Whether the kernel has ended a container because its memory was used up, and nobody else has.

    Asked of the engine's events, which are there when the container, which the engine removes at its end, is not.
    """
    wanted = {"container": container, "event": ["oom", "kill", "die", "destroy"]}
    seen = set()
    with contextlib.closing(client.events(since=1, until=int(time.time()) + _EVENTS_S, filters=wanted, decode=True)) as events:
        for event in events:
            seen.add(event["Action"])
            if event["Action"] == "destroy":
                break
    return "oom" in seen and "kill" not in seen


def _goes(client: APIClient, name: str, limit_s: int) -> bool:
    """Whether a container goes by itself within that time. Raises ``NotFound`` where it is not there."""
    try:
        client.wait(name, timeout=limit_s, condition="removed")
    except (ReadTimeout, Disconnected):  # the first before the answer begins, the second in its middle
        return False
    return True


def sweep(client: APIClient, realm: Realm) -> list[str]:
    """Remove the containers of this realm whose owners live no more, and such as were made but never started by any realm.

    The engine removes a container when its keeper has left, but not one whose worker died between making and starting it.
    """
    swept = []
    ours = realm.id
    for found in client.containers(all=True, filters={"label": OWNER}):
        labels = found["Labels"]
        if labels.get(REALM) == ours:
            abandoned = not realm.is_alive(labels[OWNER])
        else:
            abandoned = found["State"] == "created" and time.time() - found["Created"] > _ABANDONED_S
        if abandoned:
            # Another worker may be sweeping too.
            with contextlib.suppress(APIError):
                remove(client, found["Id"])
                swept.append(_description(found))
    return swept


def _description(found: dict[str, Any]) -> str:
    name = found["Names"][0].lstrip("/") if found["Names"] else found["Id"][:12]
    study = found["Labels"].get(STUDY)
    return f"container {name}" + (f" of study {study}" if study else "")
