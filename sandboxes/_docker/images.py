"""The images of Docker sandboxes: found at the engine by their reference, or built from a folder and kept by what is in it.

``build:/absolute/folder`` stands for the image of that folder's Dockerfile. It is named after a hash of the folder's files, so it
is built once at an engine however many tasks, studies and workers need it, and again when a file changes. The hash does not know
what a ``FROM`` stands for: after that has changed, remove the built image. A build runs in the engine's own way and with its own
network, as its author's program and not as an agent's.
"""

import asyncio
import hashlib
import io
import stat
import tarfile
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from docker import APIClient
from docker.errors import ImageNotFound
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from sandboxes._docker.engine import Engine
from sandboxes._owner import Realm
from unhobble.errors import SandboxError
from unhobble.sandboxing import BUILT_IMAGE

BUILT = "unhobble/built"
_LOG_CHARACTERS = 2000


@dataclass(frozen=True)
class Image:
    """An image at an engine, and the places that it declares to be volumes."""

    id: str
    volumes: tuple[str, ...]


class Images:
    """Finds and builds the images of one provider. Owned by one event loop."""

    def __init__(self, engine: Engine, realm: Realm, build_timeout_s: float) -> None:
        self._engine = engine
        self._realm = realm
        self._build_timeout_s = build_timeout_s
        self._known: dict[str, Image] = {}
        self._building = asyncio.Lock()

    async def ensure(self, image: str) -> Image:
        """The image that ``image`` stands for, built if need be. Raises ``SandboxError``."""
        reference = await asyncio.to_thread(reference_of, image)
        if reference not in self._known:
            if image.startswith(BUILT_IMAGE):
                # One thread of this worker is enough to wait for another's build.
                async with self._building:
                    await self._engine.call(lambda client: self._build(client, image, reference))
            self._known[reference] = await self._engine.call(lambda client: look_up(client, reference))
        return self._known[reference]

    def look(self, client: APIClient, image: str) -> None:
        """Raise ``SandboxError`` where ``image`` is neither there nor can be built. Blocks, and builds nothing."""
        reference = reference_of(image)
        if not image.startswith(BUILT_IMAGE):
            look_up(client, reference)

    def forget(self) -> None:
        """Look every image up again: one may have been removed, or its tag moved."""
        self._known.clear()

    def _build(self, client: APIClient, image: str, reference: str) -> None:
        # Each build may take all of the machine's processors.
        with self._realm.alone("building"):
            try:
                client.inspect_image(reference)  # type: ignore[no-untyped-call]  # its stub leaves it out
            except ImageNotFound:
                build(client, folder_of(image), reference, self._build_timeout_s)


def folder_of(image: str) -> Path:
    """The folder of a ``build:`` image. Raises ``SandboxError`` where it has no Dockerfile."""
    folder = Path(image.removeprefix(BUILT_IMAGE))
    if not folder.is_absolute() or not (folder / "Dockerfile").is_file():
        raise SandboxError(
            f"{image!r} cannot be built: write {BUILT_IMAGE} and the absolute path of a folder that has a Dockerfile"
        )
    return folder


def reference_of(image: str) -> str:
    """What an image is called at the engine. Raises ``SandboxError`` for a folder that cannot be built."""
    if not image.startswith(BUILT_IMAGE):
        return image
    folder = folder_of(image)
    digest = hashlib.sha256()
    try:
        for path in _paths(folder):
            mode = path.lstat().st_mode
            content = str(path.readlink()).encode() if stat.S_ISLNK(mode) else path.read_bytes() if stat.S_ISREG(mode) else b""
            name = str(path.relative_to(folder))
            digest.update(f"{name!r} {stat.S_IFMT(mode):o} {mode & 0o100:o} {len(content)}\n".encode() + content)
    except OSError as error:
        raise SandboxError(f"{image!r} cannot be built: {error}") from error
    return f"{BUILT}:{digest.hexdigest()[:16]}"


def look_up(client: APIClient, reference: str) -> Image:
    """An image that is at the engine. Raises ``SandboxError`` where it is not."""
    try:
        found = client.inspect_image(reference)  # type: ignore[no-untyped-call]  # its stub leaves it out
    except ImageNotFound:
        raise SandboxError(
            f"Docker has no image {reference!r}; scripts/build-sandbox-image or `make image` builds the default one,"
            " `docker pull` fetches another"
        ) from None
    return Image(found["Id"], tuple(sorted((found.get("Config") or {}).get("Volumes") or ())))


def build(client: APIClient, folder: Path, reference: str, timeout_s: float) -> None:
    """Build a folder's image. Blocks; raises ``SandboxError`` with the end of the build's log."""
    deadline_s = time.monotonic() + timeout_s
    log = ""
    late = f"the image of {folder} was not built within {timeout_s:g} s; the end of its log:\n"
    try:
        for line in client.build(
            fileobj=_context(folder),
            custom_context=True,
            tag=reference,
            labels={"unhobble.built": reference.rpartition(":")[2]},
            rm=True,
            forcerm=True,
            decode=True,
            timeout=ceil(timeout_s),
        ):
            log = (log + line.get("stream", ""))[-_LOG_CHARACTERS:]
            if "error" in line:
                raise SandboxError(f"the image of {folder} could not be built: {line['error']}; the end of its log:\n{log}")
            if time.monotonic() > deadline_s:
                raise SandboxError(late + log)
    except (RequestException, HTTPError) as error:
        # The engine said nothing for as long as it had; it ends a build when its client leaves.
        if time.monotonic() > deadline_s:
            raise SandboxError(late + log) from error
        raise


def _context(folder: Path) -> io.BytesIO:
    """The folder as a tar archive, the same for the same files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in _paths(folder):
            member = tar.gettarinfo(str(path), str(path.relative_to(folder)))
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            if member.isreg():
                with path.open("rb") as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)
    archive.seek(0)
    return archive


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
