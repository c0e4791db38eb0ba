"""Values at the sandbox seam: what is asked of a sandbox and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from unhobble.hosts import parse_entry
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


def _host(text: str) -> str:
    parse_entry(text)
    return text.lower()


Host = Annotated[str, AfterValidator(_host)]
"""A host that may be reached: a name, ``*.`` and a name for all names below it, or an address; ``:PORT`` for that port only."""


BUILT_IMAGE = "build:"
"""How an image starts that is built from the folder behind it, an absolute path on the worker's machine with a Dockerfile."""


class SandboxNeeds(Frozen):
    """What one task needs of its sandbox, beyond what the study gives every task. Null: nothing beyond that."""

    image: str | None = Field(None, description="Container image that the task is made for.")
    cpus: float | None = Field(None, gt=0, le=256, description="Processor cores, at least.")
    memory_bytes: int | None = Field(None, ge=32 * 2**20, description="Memory, at least.")
    processes: int | None = Field(None, ge=8, le=32_768, description="Processes and threads, at least.")
    disk_bytes: int | None = Field(None, ge=2**20, description="Bytes on disk, at least.")
    hosts: tuple[Host, ...] = Field((), description="Hosts to be reached. The study must have set network to allowlist.")


class SandboxSpec(Frozen):
    """The sandbox of every rollout of a study; a task that needs more gets more (``for_task``)."""

    backend: str = Field("auto", description="A sandbox plug-in, or auto: docker where an engine answers, else bubblewrap.")
    image: str | None = Field(None, description="Container image; the backend's own default where it is null.")
    cpus: float = Field(1.0, gt=0, le=256, description="Processor cores of one sandbox.")
    memory_bytes: int = Field(512 * 2**20, ge=32 * 2**20, description="Memory of all processes of one sandbox together.")
    processes: int = Field(256, ge=8, le=32_768, description="Processes and threads of one sandbox.")
    disk_bytes: int = Field(
        256 * 2**20, ge=2**20, description="Bytes in files, held in memory beside memory_bytes; on Docker half of it is for /work."
    )
    descriptors: int = Field(1024, ge=64, le=1_048_576, description="Open files of one process.")
    network: Literal["none", "allowlist"] = Field(
        "none", description="none, or allowlist: a filtering proxy to the hosts below and to those that a task declares."
    )
    hosts: tuple[Host, ...] = Field((), description="Hosts that every task may reach, where network is allowlist.")
    requested_cpus: float | None = Field(
        None, gt=0, le=256, description="Cores that the scheduler sets aside; a quarter of cpus if null, for agents mostly wait."
    )
    requested_memory_bytes: int | None = Field(
        None, ge=2**20, description="Memory that the scheduler sets aside; half of memory_bytes if null."
    )

    def for_task(self, needs: SandboxNeeds) -> "SandboxSpec":
        """The sandbox of one task: the larger of each limit, the task's image, and both's hosts.

        Raises ``ValueError`` where the task needs hosts and ``network`` is none.
        """
        if needs.hosts and self.network == "none":
            raise ValueError(f"needs the network ({', '.join(needs.hosts)}); set sandbox.network to allowlist to let it have that")
        limits = ("cpus", "memory_bytes", "processes", "disk_bytes")
        raised = {limit: max(getattr(self, limit), getattr(needs, limit) or 0) for limit in limits}
        hosts = tuple(dict.fromkeys((*self.hosts, *needs.hosts)))
        return self.model_copy(update=raised | {"hosts": hosts, "image": needs.image or self.image})

    @property
    def ceiling_bytes(self) -> int:
        """What the kernel lets a sandbox hold in memory: processes, files, and a snapshot of the files.

        One ceiling for all of them: what files leave, processes may use, but files can never take the processes' own share.
        """
        return self.memory_bytes + 2 * self.disk_bytes

    @property
    def request(self) -> tuple[float, int]:
        """Cores and bytes of memory that the scheduler sets aside for one sandbox."""
        memory_bytes = self.memory_bytes // 2 if self.requested_memory_bytes is None else self.requested_memory_bytes
        return self.cpus / 4 if self.requested_cpus is None else self.requested_cpus, memory_bytes


@dataclass(frozen=True)
class SandboxFile:
    """A file to be written into a sandbox, at an absolute path below one of the fixed places."""

    path: str
    data: bytes
    executable: bool = False


@dataclass(frozen=True)
class RefusedConnection:
    """A connection that the filtering proxy did not make."""

    host: str
    port: int
    why: str


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
    refused: tuple[RefusedConnection, ...] = ()

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
