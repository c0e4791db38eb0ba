"""The system-call filter of Docker sandboxes: consistent with bubblewrap's, and refusing by itself what it is there to refuse."""

import json
from collections.abc import AsyncIterator

import pytest

from sandboxes._bubblewrap.seccomp import _DENIED
from sandboxes._controls import Control
from sandboxes._docker.seccomp import allowed, profile
from sandboxes.docker import Config, DockerProvider
from unhobble.sandboxing import SandboxSpec, User

# Each line of its output is a call, and its error or "done".
CALLS = """
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
column = ["x86_64", "aarch64"].index(platform.machine())
for name, numbers, arguments in [
    ("process_vm_readv", (310, 270), (1, 0, 0, 0, 0, 0)),
    ("kcmp", (312, 272), (1, 1, 0, 0, 0)),
    ("pidfd_getfd", (438, 438), (-1, 0, 0)),
    ("name_to_handle_at", (303, 264), (-100, b"/", 0, 0, 0)),
    ("personality UNAME26", (135, 92), (0x20000,)),
    ("clock_adjtime", (305, 266), (0, 0)),
    ("sethostname", (170, 161), (b"x", 1)),
    ("fanotify_init", (300, 262), (0, 0)),
    ("new_mount_api", (430, 430), (b"tmpfs", 0)),
    ("unknown", (9999, 9999), ()),
    ("socketpair of VSOCK", (53, 199), (40, 1, 0, 0)),
    ("clone3", (435, 435), (0, 0)),
    ("personality now", (135, 92), (0xFFFFFFFF,)),
]:
    ctypes.set_errno(0)
    answer = libc.syscall(numbers[column], *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    print(f"{name}: {errno.errorcode[ctypes.get_errno()] if answer == -1 else 'done'}")
"""
X32 = "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 39))"


@pytest.fixture
async def provider() -> AsyncIterator[DockerProvider]:
    provider = DockerProvider(Config(spares=0))
    yield provider
    await provider.close()


def test_what_bubblewrap_denies_is_denied_here() -> None:
    assert len(_DENIED) > 30
    assert allowed() & _DENIED.keys() == set()


def test_what_depends_on_its_arguments_is_not_allowed_with_any() -> None:
    assert allowed() & {"clone", "clone3", "socket", "socketpair", "personality"} == set()


def test_the_profile_refuses_what_it_does_not_name_and_knows_no_other_abi() -> None:
    content = json.loads(profile())
    assert content["defaultAction"] == "SCMP_ACT_ERRNO"
    assert [machine["subArchitectures"] for machine in content["archMap"]] == [[], []]
    unconditional = [rule for rule in content["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and not rule["args"]]
    assert [set(rule["names"]) for rule in unconditional] == [allowed()]


@pytest.mark.docker
async def test_the_filter_refuses_in_a_container(provider: DockerProvider) -> None:
    sandbox = await provider.open(SandboxSpec(), label="calls")
    for user in User:
        result = await sandbox.exec(["python3", "-c", CALLS], user=user, timeout_s=60, output_bytes=10_000)
        answers = dict(line.split(": ") for line in result.stdout.decode().splitlines())
        assert result.ok, result.stderr
        assert answers.pop("personality now") == "done"
        assert answers.pop("clone3") == "ENOSYS"
        assert answers.pop("socketpair of VSOCK") == "EAFNOSUPPORT"
        # The runtime answers for calls that are newer than the profile's newest as an older kernel would.
        assert answers.pop("unknown") in {"EPERM", "ENOSYS"}
        assert set(answers.values()) == {"EPERM"}, answers
        abi = await sandbox.exec(["python3", "-c", X32], user=user, timeout_s=60, output_bytes=1000)
        assert abi.stdout in {b"", b"-1\n"}, abi


@pytest.mark.docker
async def test_without_the_filter_the_same_calls_come_through() -> None:
    provider = DockerProvider(Config(spares=0), without=frozenset({Control.syscalls}))
    sandbox = await provider.open(SandboxSpec(), label="calls")
    result = await sandbox.exec(["python3", "-c", CALLS], timeout_s=60, output_bytes=10_000)
    answers = dict(line.split(": ") for line in result.stdout.decode().splitlines())
    assert answers["personality UNAME26"] == "done"
    assert answers["clone3"] != "ENOSYS"
    await provider.close()
