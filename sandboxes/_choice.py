"""Chooses the backend of a study's sandboxes. There is no fallback to running commands unisolated."""

from collections.abc import Sequence
from dataclasses import dataclass

from unhobble.errors import BadInput, Issue, NotFound
from unhobble.protocols import SandboxProvider, Task
from unhobble.registry import Registry
from unhobble.sandboxing import BUILT_IMAGE, Availability, SandboxSpec
from unhobble.vocabulary import PluginKind

AUTO = "auto"
PREFERENCE = ("docker", "bubblewrap")
"""What ``auto`` tries, best isolation first. A backend of a third party is used only where it is named."""

_PATH = "sandbox.backend"
_ADVICE = (
    "start a Docker engine and build the image (scripts/build-sandbox-image or `make image`), "
    "or install bubblewrap 0.8 or later (Debian: apt-get install bubblewrap)"
)


@dataclass(frozen=True)
class Choice:
    """A backend that works here, why it was taken (for a person), and which limits it cannot enforce here."""

    backend: str
    why: str
    not_enforced: tuple[str, ...]


async def choose(spec: SandboxSpec, registry: Registry, tasks: Sequence[Task] = ()) -> Choice:
    """The backend for ``spec``: the one it names, or for ``auto`` the first of ``PREFERENCE`` that works here.

    It works if it has every image that ``spec`` and ``tasks`` name; one that is built from a folder is built when it is needed.
    Raises ``BadInput`` at ``sandbox.backend``, with what to do, where nothing that was asked for works here.
    """
    refused: list[str] = []
    images = tuple(dict.fromkeys(task.needs.image or spec.image for task in tasks)) or (spec.image,)
    for backend in PREFERENCE if spec.backend == AUTO else (spec.backend,):
        found = await _look_at(backend, images, registry)
        if found.available:
            why = "; ".join([found.reason, *refused]) if spec.backend == AUTO else f"asked for; {found.reason}"
            return Choice(backend, why, found.not_enforced)
        refused.append(f"not {backend}: {found.reason}")
    if spec.backend == AUTO:
        raise BadInput([Issue(_PATH, f"no sandbox works on this machine ({'; '.join(refused)}); {_ADVICE}")])
    raise BadInput([Issue(_PATH, f"the sandbox {spec.backend!r} does not work on this machine: {found.reason}")])


async def _look_at(backend: str, images: Sequence[str | None], registry: Registry) -> Availability:
    """Whether ``backend`` works here with all of ``images``; None is its own. Raises ``BadInput`` where it is no plug-in."""
    try:
        plugin = registry.get(PluginKind.sandbox, backend)
    except NotFound as error:
        raise BadInput([Issue(_PATH, f"{error}; or {AUTO}")]) from None
    named = [image for image in images if image is not None]
    if named and "image" not in plugin.config.model_fields:
        return Availability(available=False, reason=f"it has no images, and {named[0]!r} was asked for")
    there = dict.fromkeys(None if image is None or image.startswith(BUILT_IMAGE) else image for image in images)
    for image in there:
        provider: SandboxProvider = registry.build(PluginKind.sandbox, backend, {} if image is None else {"image": image})
        try:
            found = await provider.check()
        finally:
            await provider.close()
        if not found.available:
            break
    return found
