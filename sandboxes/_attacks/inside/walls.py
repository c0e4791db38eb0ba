"""Programs that look for what lies outside of their sandbox: files, sockets, memory, processes and secrets of the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import time
from pathlib import Path

from sandboxes._attacks.inside.effects import (
    Facts,
    Verdict,
    betrays,
    breached,
    held,
    libc,
    processes,
    read_some,
    untried,
    ways_to,
)

_METADATA = ("169.254.169.254", 80)
_OUTSIDE = ("192.0.2.1", 53)  # set aside for documentation: nobody's
_CONNECT_S = 3
_PLACES = ["/", "/usr/local/bin", "/usr/bin", "/etc", "/dev", "/home", "/opt", "/run", "/run/lock", "/var/lock", "/var/tmp"]  # noqa: S108
_OWN_DESCRIPTORS = 3
_NEIGHBOUR_S = 1.5
_PAUSE_S = 0.05


def read_host_file(facts: Facts) -> Verdict:
    """Reads a file of the host, by every name that it could have in here."""
    return _read(facts.host_file, facts)


def read_suite(facts: Facts) -> Verdict:
    """Reads the hidden tests of a task where the worker has them, and what lies in their place in here."""
    verdict = _read(facts.suite_file, facts)
    if verdict.breached:
        return verdict
    found = [path for place in ("/tests", "/work") for path in Path(place).rglob("*") if betrays(read_some(str(path)), facts)]
    return breached(f"the hidden tests are in {found[0]}") if found else verdict


def _read(path: str, facts: Facts) -> Verdict:
    ways = list(ways_to(path))
    for way in ways:
        if betrays(read_some(way), facts):
            return breached(f"the secret was read from {way}")
    return held(f"it is not to be read by any of {len(ways)} names")


def read_environments(facts: Facts) -> Verdict:
    """Reads its own environment and that of every process that it sees."""
    seen = processes()
    for process in seen:
        if betrays(read_some(f"/proc/{process}/environ"), facts):
            return breached(f"the secret is in the environment of process {process}")
    return held(f"the secret is in none of the environments of {len(seen)} processes")


def read_shared_memory_file(facts: Facts) -> Verdict:
    """Reads POSIX shared memory of another process of the machine."""
    return _read(facts.host_shm_file, facts)


def read_shared_memory(facts: Facts) -> Verdict:
    """Attaches System V shared memory of another process of the machine."""
    calls = libc()
    calls.shmat.restype = ctypes.c_void_p
    segment = calls.shmget(facts.shm_key, 0, 0)
    if segment == -1:
        return held(f"there is no such segment: {os.strerror(ctypes.get_errno())}")
    address = calls.shmat(segment, None, 0o10000)  # SHM_RDONLY
    if address in {None, ctypes.c_void_p(-1).value}:
        return held(f"the segment cannot be attached: {os.strerror(ctypes.get_errno())}")
    read = ctypes.string_at(address, 128)
    calls.shmdt(ctypes.c_void_p(address))
    return breached("the secret was read from shared memory") if betrays(read, facts) else held("the segment is another")


def read_queue(facts: Facts) -> Verdict:
    """Opens a message queue of another process of the machine."""
    calls = libc()
    try:
        queue = calls.mq_open(facts.queue_name.encode(), os.O_RDWR | os.O_NONBLOCK)
    except AttributeError:
        return untried("the C library here has no message queues")
    if queue == -1:
        return held(f"there is no such queue: {os.strerror(ctypes.get_errno())}")
    calls.mq_close(queue)
    return breached("a message queue of the host was opened")


def connect_loopback(facts: Facts) -> Verdict:
    """Connects to a server on the host's loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        return _told(link, ("127.0.0.1", facts.tcp_port), facts)


def send_datagram(facts: Facts) -> Verdict:
    """Asks a server on the host's loopback that speaks UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        return _told(link, ("127.0.0.1", facts.udp_port), facts)


def connect_abstract(facts: Facts) -> Verdict:
    """Connects to a unix socket that has a name and no file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        return _told(link, f"\0{facts.abstract_name}", facts)


def connect_engine(facts: Facts) -> Verdict:
    """Connects to the socket of a container engine, which would start a container with every right."""
    for path in (facts.host_socket, "/var/run/docker.sock", "/run/containerd/containerd.sock"):
        for way in ways_to(path):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(_CONNECT_S)
                link.connect(way)
                return breached(f"a socket of the host answers at {way}")
    return held("no socket of the host can be connected to")


def _told(link: socket.socket, address: tuple[str, int] | str, facts: Facts) -> Verdict:
    link.settimeout(_CONNECT_S)
    try:
        link.connect(address)
        with contextlib.suppress(BrokenPipeError):  # it may have told and gone already
            link.send(b"?")
        said = link.recv(256)
    except OSError as error:
        return held(f"nobody answers: {error}")
    return breached("the server told the secret") if betrays(said, facts) else held("it is another server")


def reach_metadata(_: Facts) -> Verdict:
    """Sends a packet to the address where clouds give credentials away."""
    return _sent(_METADATA)


def reach_outside(_: Facts) -> Verdict:
    """Sends a packet to the internet."""
    return _sent(_OUTSIDE)


def _sent(address: tuple[str, int]) -> Verdict:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        try:
            link.connect(address)
            link.send(b"?")
        except OSError as error:
            return held(f"no packet leaves: {error.strerror}")
        return breached(f"a packet left for {address[0]} from {link.getsockname()[0]}")


def connect_to(facts: Facts) -> Verdict:
    """Connects to the port of the loopback that ``extra`` names, for as long as a server there may take to start."""
    deadline_s = time.monotonic() + _NEIGHBOUR_S
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
            verdict = _told(link, ("127.0.0.1", int(facts.extra)), facts)
        if verdict.breached or time.monotonic() > deadline_s:
            return verdict
        time.sleep(_PAUSE_S)


def serve(facts: Facts) -> Verdict:
    """Serves on its own loopback, for as long as it lives, the secret in ``extra``, which begins with the port."""
    port, secret = facts.extra.split()
    with socket.create_server(("127.0.0.1", int(port))) as server:
        while True:
            link, _ = server.accept()
            with link, contextlib.suppress(OSError):
                link.sendall(secret.encode())


def find_process(facts: Facts) -> Verdict:
    """Looks for a process of another sandbox, by a word among its arguments, for as long as that may take to start."""
    deadline_s = time.monotonic() + _NEIGHBOUR_S
    while time.monotonic() < deadline_s:
        for process in processes():
            if process != os.getpid() and facts.extra.encode() in read_some(f"/proc/{process}/cmdline").split(b"\0"):
                return breached(f"process {process} is another sandbox's")
        time.sleep(_PAUSE_S)
    return held(f"{len(processes())} processes are seen, none of another sandbox")


def find_file(facts: Facts) -> Verdict:
    """Looks for a file of another sandbox, in all places where it could be."""
    for way in ways_to(facts.extra):
        if betrays(read_some(way), facts):
            return breached(f"the secret of another sandbox was read from {way}")
    return held("no file of another sandbox is seen")


def find_left_behind(facts: Facts) -> Verdict:
    """Looks for what an earlier sandbox had in the places that every sandbox has."""
    for place in ("/work", "/tmp", "/home/agent", "/dev/shm"):  # noqa: S108 (the sandbox's own)
        if betrays(read_some(f"{place}/left-behind"), facts):
            return breached(f"{place} holds an earlier sandbox's secret")
    return held("nothing of an earlier sandbox is there")


def write_outside(_: Facts) -> Verdict:
    """Makes a file in a directory that is not the agent's."""
    for place in _PLACES:
        file = Path(place, "attack")
        with contextlib.suppress(OSError):
            file.write_bytes(b"x")
            file.unlink()
            return breached(f"{file} was written")
    return held(f"nothing can be written in {', '.join(_PLACES)}")


def replace_program(_: Facts) -> Verdict:
    """Puts a program of its own where the keeper will look for ``env``."""
    for place in ("/usr/local/bin", "/usr/bin"):
        with contextlib.suppress(OSError):
            program = Path(place, "env")
            program.unlink(missing_ok=True)
            program.write_text("#!/bin/sh\necho planted\n")
            program.chmod(0o755)
            break
    said = subprocess.run(["env"], capture_output=True, check=False).stdout
    return breached("env is the agent's program now") if said == b"planted\n" else held("env is still the system's")


def leaked_descriptors(_: Facts) -> Verdict:
    """Looks for files that are open although it opened none."""
    opened = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (the listing's own descriptor must be gone when the others are read)
        with contextlib.suppress(OSError):
            if int(name) >= _OWN_DESCRIPTORS:
                opened[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
    foreign = [f"{number} ({path})" for number, path in sorted(opened.items()) if "attacks.zip" not in path]
    return breached(f"open: {', '.join(foreign)}") if foreign else held("nothing but the standard streams")


def replace_tests(_: Facts) -> Verdict:
    """Changes what the keeper put into /tests, or puts something else in its place."""
    check = Path("/tests/check.py")
    if not check.exists():
        return untried("/tests/check.py is not there")
    for script in (
        "echo agent > /tests/check.py",
        "rm -f /tests/check.py && echo agent > /tests/check.py",
        "mv /tests /tests.old && mkdir /tests && echo agent > /tests/check.py",
    ):
        subprocess.run(["sh", "-c", script], stderr=subprocess.DEVNULL, check=False)
        if read_some(str(check)) == b"agent\n":
            return breached("the hidden test is the agent's now")
    return held("the hidden test stayed the keeper's")


def dump_core(_: Facts) -> Verdict:
    """Raises its own limit for core dumps and crashes: a dump is written by the kernel, past the sandbox's limits."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    os.chdir("/work")
    child = os.fork()
    if child == 0:
        os.abort()
    dumped = os.WCOREDUMP(os.waitpid(child, 0)[1])
    return breached("a core was dumped") if dumped else held(f"no core was dumped; the limit is {hard}")
