"""What a sandbox's container may do and use, as the engine is told: the one place where a container's controls are set."""

import os
from dataclasses import dataclass
from typing import Any

from docker import APIClient
from docker.types import LogConfig, Mount, Ulimit

from sandboxes._controls import Control
from sandboxes._docker.seccomp import profile
from unhobble.sandboxing import HOME_DIR, SANDBOX_ENV, TESTS_DIR, WORK_DIR, SandboxSpec

_AGENT = 65534
_KEEPER_PROCESSES = 4
_KEEPER_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
# Not all: an engine that is confined itself lacks some, and then starts no container that asks for them.
_ROOTS_CAPABILITIES = [*_KEEPER_CAPABILITIES, "DAC_READ_SEARCH", "MKNOD", "NET_ADMIN", "NET_RAW", "SYSLOG"]
_ROOTS_CAPABILITIES += ["SYS_ADMIN", "SYS_CHROOT", "SYS_NICE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME"]
_SHM_BYTES = 64 * 2**20
_BYTES_AN_INODE = 4096
_FEWEST_INODES = 1024
_OOM_SCORE_ADJ = 300
"""Where the whole machine is short of memory, the kernel takes a sandbox before the worker and the engine."""


@dataclass(frozen=True)
class Place:
    """Where a container runs: the engine's processors, the keeper's volume and its directory there, the image's own volumes."""

    processors: int
    keeper_volume: str
    keeper_directory: str
    image_volumes: tuple[str, ...] = ()


def environment(without: frozenset[Control]) -> dict[str, str]:
    """The environment of the keeper."""
    return SANDBOX_ENV if Control.environment not in without else {**os.environ, **SANDBOX_ENV}


def host_config(client: APIClient, spec: SandboxSpec, place: Place, runtime: str | None, without: frozenset[Control]) -> Any:
    """The container's host configuration. ``without`` is empty but for proofs (``_controls``)."""
    on = frozenset(Control) - without
    security = [f"seccomp={profile() if Control.syscalls in on else 'unconfined'}"]
    config = client.create_host_config(
        network_mode="none" if Control.network in on else "host",
        pid_mode=None if Control.pids in on else "host",
        ipc_mode="private" if Control.ipc in on else "host",
        cgroupns="private",
        read_only=Control.read_only in on,
        tmpfs=_directories(spec, place.image_volumes, on),
        shm_size=min(_SHM_BYTES, spec.disk_bytes) if Control.disk in on else None,
        mounts=_mounts(place, on),
        cap_drop=["ALL"],
        # For the bounding set only: the keeper is root, the agent has none and cannot gain any.
        cap_add=_KEEPER_CAPABILITIES if Control.identity in on else _ROOTS_CAPABILITIES,
        security_opt=[*security, "no-new-privileges:true"] if Control.privileges in on else security,
        pids_limit=spec.processes + _KEEPER_PROCESSES if Control.processes in on else None,
        mem_limit=spec.ceiling_bytes if Control.memory in on else None,
        memswap_limit=spec.ceiling_bytes if Control.memory in on else None,
        # The engine refuses more processors than it has.
        nano_cpus=int(min(spec.cpus, place.processors) * 1e9) if Control.cpus in on else None,
        ulimits=[_limit("core", 0), *([_limit("nofile", spec.descriptors)] if Control.descriptors in on else [])],
        oom_score_adj=_OOM_SCORE_ADJ,
        runtime=runtime,
        auto_remove=True,
        # The keeper's stream must not be written to the host's disk.
        log_config=LogConfig(type="none", config={}),
    )
    # What the engine hides of /proc and /sys, it hides from root; the agent as root would be stopped by that alone.
    return config if Control.identity in on else config | {"MaskedPaths": [], "ReadonlyPaths": []}


def _directories(spec: SandboxSpec, image_volumes: tuple[str, ...], on: frozenset[Control]) -> dict[str, str]:
    options = f"rw,exec,nodev,{'nosuid' if Control.privileges in on else 'suid'}"

    def of(size_bytes: int, owner: int, mode: str) -> str:
        limits = f"size={size_bytes},nr_inodes={max(_FEWEST_INODES, size_bytes // _BYTES_AN_INODE)}," if Control.disk in on else ""
        return f"{options},{limits}mode={mode},uid={owner},gid={owner}"

    # The engine cannot make one file system of three directories, so each has its part of the whole.
    half, quarter = spec.disk_bytes // 2, spec.disk_bytes // 4
    # A volume that an image declares would be a directory to write to on the engine's disk, without a limit.
    shut = dict.fromkeys(image_volumes, "ro,nosuid,nodev,noexec,size=4096,mode=0755")
    return shut | {
        WORK_DIR: of(half, _AGENT, "0700"),
        HOME_DIR: of(quarter, _AGENT, "0700"),
        "/tmp": of(quarter, _AGENT, "0700"),  # noqa: S108 (the sandbox's own)
        TESTS_DIR: of(spec.disk_bytes, 0, "0755"),
        "/run/unhobble": of(spec.disk_bytes, 0, "0700"),
    }


def _mounts(place: Place, on: frozenset[Control]) -> list[Any]:
    mounts = [
        Mount("/opt/unhobble", place.keeper_volume, type="volume", read_only=True, no_copy=True),
        # The engine writes none where it makes no network, and then nothing would know the name localhost.
        Mount("/etc/hosts", f"{place.keeper_directory}/hosts", type="bind", read_only=True),
    ]
    if Control.filesystem not in on:
        mounts.append(Mount("/host", "/", type="bind", read_only=True))
    return mounts


def _limit(name: str, value: int) -> Any:
    return Ulimit(name=name, soft=value, hard=value)
