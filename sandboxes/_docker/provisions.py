"""What a container needs before it can be started: its image, the keeper's volume, an owner. Found or made once a provider."""

import asyncio
import re
import secrets
from dataclasses import dataclass

from docker import APIClient

from sandboxes._controls import Control
from sandboxes._docker import keeper_volume
from sandboxes._docker.containers import OWNER, REALM, ROLLOUT, STUDY, Container
from sandboxes._docker.engine import Engine
from sandboxes._docker.images import Images
from sandboxes._docker.keeper_volume import KeeperVolume
from sandboxes._docker.profile import Place
from sandboxes._owner import Owner, Realm
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec


@dataclass(frozen=True)
class _Base:
    owner: Owner
    realm: str
    processors: int
    architecture: str


class Provisions:
    """Of one provider. Owned by one event loop."""

    def __init__(self, engine: Engine, realm: Realm, images: Images, runtime: str | None, without: frozenset[Control]) -> None:
        self._engine = engine
        self._realm = realm
        self._images = images
        self._runtime = runtime
        self._without = without
        self._one_at_a_time = asyncio.Lock()
        self._base: _Base | None = None
        self._keeper: KeeperVolume | None = None

    async def container(self, spec: SandboxSpec, image: str, *, study: str, rollout: str | None) -> Container:
        """A container that can be started; without a rollout, it is ahead of need. Raises ``SandboxError``."""
        found = await self._images.ensure(image)
        async with self._one_at_a_time:
            if self._base is None:
                self._base = await self._engine.call(self._look)
            base = self._base
            labels = {REALM: base.realm, OWNER: base.owner.id, STUDY: study}
            if self._keeper is None:
                self._keeper = await self._engine.call(
                    lambda client: keeper_volume.ready(client, found.id, base.architecture, self._realm, labels)
                )
            keeper = self._keeper
        return Container(
            name=name_for(rollout or "spare"),
            image=found.id,
            spec=spec,
            place=Place(base.processors, keeper.name, keeper.directory, found.volumes),
            labels=labels | ({} if rollout is None else {ROLLOUT: rollout}),
            runtime=self._runtime,
            without=self._without,
        )

    def forget(self) -> None:
        """Look at the engine anew: what was known of it may be true no more."""
        self._keeper = None
        self._images.forget()

    def close(self) -> None:
        """Own nothing any more."""
        if self._base:
            self._base.owner.release()
            self._base = None

    def _look(self, client: APIClient) -> _Base:
        info = client.info()
        try:
            return _Base(self._realm.claim(), self._realm.id, info["NCPU"], info["Architecture"])
        except OSError as error:
            raise SandboxError(f"containers cannot be marked as this worker's own: {error}") from error


def name_for(label: str) -> str:
    """A name for a container that no other has."""
    return f"unhobble-{re.sub(r'[^A-Za-z0-9_.-]', '-', label)[:40]}-{secrets.token_hex(4)}"
