"""Images that are built from a task's folder: one build for one content, whoever asks, and errors that say what went wrong."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from docker import APIClient
from docker.utils import kwargs_from_env

from sandboxes._docker import images as _images
from sandboxes._docker.engine import Engine
from sandboxes._docker.images import Images, reference_of
from sandboxes._owner import Realm
from sandboxes.docker import DEFAULT_IMAGE, Config, DockerProvider
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment whose image no other test builds."""
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {DEFAULT_IMAGE}\nCOPY note /note\nRUN cat /note > /copy\n")
    (folder / "note").write_text(secrets.token_hex(8))
    return folder


@pytest.fixture
def client() -> Iterator[APIClient]:
    client = APIClient(version="auto", **kwargs_from_env())
    yield client
    client.close()


@pytest.fixture
def built(client: APIClient, folder: Path) -> Iterator[str]:
    """What the folder's image is called; it is removed after the test."""
    reference = reference_of(f"build:{folder}")
    yield reference
    if client.images(reference):
        client.remove_image(reference, force=True)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(60)
    yield engine
    await asyncio.to_thread(engine.close)


@pytest.fixture
def realm(tmp_path: Path) -> Realm:
    return Realm(tmp_path)


# --- the name ---------------------------------------------------------------------------------------------------------


def test_a_reference_stands_for_itself() -> None:
    assert reference_of("debian:12") == "debian:12"


def test_the_same_files_have_the_same_name_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "moved"
    before = reference_of(f"build:{folder}")
    folder.rename(other)
    (other / "note").touch()
    assert reference_of(f"build:{other}") == before
    assert before.startswith("unhobble/built:")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "note").write_text("other"),
        lambda folder: (folder / "note").rename(folder / "notes"),
        lambda folder: (folder / "note").chmod(0o755),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "link").symlink_to("note"),
    ],
    ids=["content", "name", "executable", "directory", "link"],
)
def test_any_change_gives_another_name(folder: Path, change: object) -> None:
    before = reference_of(f"build:{folder}")
    assert callable(change)
    change(folder)
    assert reference_of(f"build:{folder}") != before


def test_what_is_in_a_file_cannot_pass_for_another_file(tmp_path: Path) -> None:
    names = []
    for name, content in (("one", {"a": "x", "b": "y"}), ("two", {"a": "xy", "b": ""}), ("three", {"a": "x'b' 100000 0 1\ny"})):
        (tmp_path / name).mkdir()
        for file, text in ({"Dockerfile": ""} | content).items():
            (tmp_path / name / file).write_text(text)
        names.append(reference_of(f"build:{tmp_path / name}"))
    assert len(set(names)) == 3


@pytest.mark.parametrize("image", ["build:", "build:relative", "build:/no/such/folder", "build:/tmp/../etc"])
def test_a_folder_that_cannot_be_built_is_named(image: str) -> None:
    with pytest.raises(SandboxError, match="absolute path of a folder that has a Dockerfile") as caught:
        reference_of(image)
    assert image in str(caught.value)


# --- the build --------------------------------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.slow
async def test_a_sandbox_has_what_its_folder_puts_into_the_image(folder: Path, built: str) -> None:
    provider = DockerProvider(Config(spares=0))
    try:
        sandbox = await provider.open(SandboxSpec(image=f"build:{folder}"), label="built")
        result = await sandbox.exec(["cat", "/copy"], timeout_s=60, output_bytes=100)
    finally:
        await provider.close()
    assert result.stdout.decode() == (folder / "note").read_text()


@pytest.mark.docker
@pytest.mark.slow
async def test_who_asks_at_the_same_time_gets_one_build(
    folder: Path, built: str, engine: Engine, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = []
    build = _images.build
    monkeypatch.setattr(_images, "build", lambda *given: (builds.append(given), build(*given)))
    workers = [Images(engine, realm, 60) for _ in range(3)]
    found = await asyncio.gather(*(images.ensure(f"build:{folder}") for images in workers for _ in range(2)))
    assert len(set(found)) == 1
    assert len(builds) == 1


@pytest.mark.docker
async def test_a_build_that_fails_shows_the_end_of_its_log(folder: Path, built: str, engine: Engine, realm: Realm) -> None:
    (folder / "Dockerfile").write_text(f"FROM {DEFAULT_IMAGE}\nRUN echo the-reason; exit 3\n")
    with pytest.raises(SandboxError, match=r"(?s)could not be built.*returned a non-zero code: 3.*the-reason"):
        await Images(engine, realm, 60).ensure(f"build:{folder}")


@pytest.mark.docker
async def test_a_build_that_takes_too_long_is_given_up(folder: Path, built: str, engine: Engine, realm: Realm) -> None:
    (folder / "Dockerfile").write_text(f"FROM {DEFAULT_IMAGE}\nRUN sleep 1000\n")
    with pytest.raises(SandboxError, match="not built within 1 s"):
        await Images(engine, realm, 1).ensure(f"build:{folder}")


@pytest.mark.docker
async def test_an_image_that_is_removed_is_looked_for_again_after_a_failure(
    folder: Path, built: str, client: APIClient, engine: Engine, realm: Realm
) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY note /note\n")
    image = f"build:{folder}"
    images = Images(engine, realm, 60)
    await images.ensure(image)
    reference = reference_of(image)
    client.remove_image(reference)
    images.forget()
    await images.ensure(image)
    client.remove_image(reference)


@pytest.mark.docker
async def test_volumes_that_an_image_declares_are_empty_and_cannot_be_written_to(folder: Path, client: APIClient) -> None:
    (folder / "Dockerfile").write_text(f"FROM {DEFAULT_IMAGE}\nCOPY note /data/note\nRUN chmod 777 /data\nVOLUME /data /work\n")
    provider = DockerProvider(Config(spares=0))
    try:
        sandbox = await provider.open(SandboxSpec(image=f"build:{folder}"), label="volumes")
        result = await sandbox.exec(
            ["sh", "-c", "ls -A /data; echo x > /data/x || echo x > /work/x && echo work"], timeout_s=60, output_bytes=1000
        )
    finally:
        await provider.close()
        client.remove_image(reference_of(f"build:{folder}"), force=True)
    assert result.stdout == b"work\n"
    assert b"Read-only" in result.stderr
