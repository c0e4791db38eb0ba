"""Values at the sandbox seam: what is asked of a sandbox and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field

from unhobble.messages import Frozen

WORK_DIR = "/work"
HOME_DIR = "/home/agent"
TESTS_DIR = "/tests"
"""Fixed places in every sandbox: the agent's working directory, its home, and where hidden tests go after it stopped."""

SANDBOX_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": HOME_DIR, "LANG": "C.UTF-8", "TZ": "UTC"}
"""The whole environment of a command, unless it is given more."""


class User(StrEnum):
    """Who a command runs as: ``agent`` has no rights outside its directories, ``keeper`` sets tasks up and scores them."""

    agent = "agent"
    keeper = "keeper"


class Ending(StrEnum):
    """How a command ended. All of these are the command's doing; a broken sandbox raises ``SandboxError`` instead."""

    exited = "exited"
    timed_out = "timed_out"
    out_of_memory = "out_of_memory"
    output_exceeded = "output_exceeded"


class SandboxSpec(Frozen):
    """The sandbox of every rollout of a study."""

    backend: str = Field("auto", description="A sandbox plug-in, or auto: docker where an engine answers, else bubblewrap.")
    image: str | None = Field(None, description="Container image; the backend's own default where it is null.")
    cpus: float = Field(1.0, gt=0, le=256, description="Processor cores of one sandbox.")
    memory_bytes: int = Field(512 * 2**20, ge=32 * 2**20, description="Memory of all processes of one sandbox together.")
    processes: int = Field(256, ge=8, le=32_768, description="Processes and threads of one sandbox.")
    disk_bytes: int = Field(256 * 2**20, ge=2**20, description="Bytes the agent may write, where the backend can enforce it.")
    network: Literal["none"] = Field("none", description="Access to the network.")


@dataclass(frozen=True)
class SandboxFile:
    """A file to be written into a sandbox, at an absolute path below one of the fixed places."""

    path: str
    data: bytes
    executable: bool = False


@dataclass(frozen=True)
class ExecResult:
    """What a command did. ``exit_code`` is None where it was killed by the sandbox; output is cut at the cap it was given."""

    ending: Ending
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    duration_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the command ran to its end and exited with 0."""
        return self.ending is Ending.exited and self.exit_code == 0


@dataclass(frozen=True)
class Availability:
    """Whether a backend can be used on this machine: why not, and which limits it cannot enforce here."""

    available: bool
    reason: str
    not_enforced: tuple[str, ...] = ()
