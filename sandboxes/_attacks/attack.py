"""What an attack is, and what came of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandboxes._attacks.inside.effects import Verdict
from sandboxes._controls import Control
from unhobble.sandboxing import SandboxSpec

if TYPE_CHECKING:
    from sandboxes._attacks.scene import Scene

MIB = 2**20
SMALL = SandboxSpec(cpus=1.0, memory_bytes=96 * MIB, processes=48, disk_bytes=8 * MIB, descriptors=128)
"""A sandbox whose ceilings are quickly reached, so that whoever breaks through one does no harm."""


@dataclass(frozen=True)
class Weakened:
    """The attack succeeds in a sandbox of the backend that is built ``without`` these controls."""

    without: frozenset[Control]


@dataclass(frozen=True)
class Unsandboxed:
    """The attack succeeds as a plain process of the host, ``as_root`` or as nobody: what holds it cannot be switched off."""

    as_root: bool = False


@dataclass(frozen=True)
class Unproved:
    """That the attack can succeed is not shown; ``why`` says what makes that impossible."""

    why: str


Proof = Weakened | Unsandboxed | Unproved


@dataclass(frozen=True)
class Attack:
    """One attack. ``held_by`` are the controls any one of which stops it, so that it succeeds only with all of them off.

    ``proofs`` says, by backend, how it is shown to be real where that is not simply by a sandbox without ``held_by``.
    """

    name: str
    what: str
    held_by: frozenset[Control]
    run: Callable[[Scene], Awaitable[Verdict]]
    spec: SandboxSpec = SMALL
    proofs: Mapping[str, Proof] = field(default_factory=dict)

    def proof(self, backend: str) -> Proof:
        """How it is shown that what holds this attack in ``backend`` is a control, and not that the attack is no good."""
        return self.proofs.get(backend, Weakened(self.held_by))


@dataclass(frozen=True)
class AttackResult:
    """What came of an attack. ``held`` is None where it could not be tried; ``evidence`` then says why.

    ``controls`` are those that stand in its way. ``duration_s`` includes the opening and closing of its sandbox.
    """

    name: str
    what: str
    controls: tuple[Control, ...]
    held: bool | None
    evidence: str
    duration_s: float
