"""Programs that make the system calls which no task needs, and through which kernels were broken. None of them needs a right."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import socket
import struct

from sandboxes._attacks.inside.effects import CLONE_NEWUSER, Facts, Verdict, breached, call, held, untried

_MARK = b"a word in another process"
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_SESSION_KEYRING = -3
_KEYCTL_READ, _KEYCTL_REVOKE = 11, 3
_UFFD_USER_MODE_ONLY = 1
_AF_VSOCK, _VMADDR_ANY = 40, 0xFFFFFFFF
_ORDINARY = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
_FAMILIES = 46  # linux/socket.h, AF_MAX
_RTM_GETLINK, _NLM_REQUEST_DUMP = 18, 0x301
_PERF_SOFTWARE, _PERF_SIZE, _PERF_EXCLUDE_KERNEL_AND_HV = 1, 112, 0x60


class _Piece(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("address", ctypes.c_void_p), ("length", ctypes.c_size_t))


def trace(_: Facts) -> Verdict:
    """Attaches to a process as a debugger does."""
    child = _paused()
    try:
        call("ptrace", _PTRACE_ATTACH, child, 0, 0)
        os.waitpid(child, 0)
        call("ptrace", _PTRACE_DETACH, child, 0, 0)
    finally:
        _end(child)
    return breached("a process was stopped and could be rewritten")


def read_memory(_: Facts) -> Verdict:
    """Reads the memory of another process."""
    secret, copy = ctypes.create_string_buffer(_MARK), ctypes.create_string_buffer(len(_MARK))
    child = _paused()
    try:
        here, there = _Piece(ctypes.addressof(copy), len(_MARK)), _Piece(ctypes.addressof(secret), len(_MARK))
        call("process_vm_readv", child, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    finally:
        _end(child)
    return breached("the memory of another process was read") if copy.raw == _MARK else untried("nothing was read")


def take_descriptor(_: Facts) -> Verdict:
    """Takes an open file out of another process."""
    child = _paused()
    try:
        file = call("pidfd_getfd", call("pidfd_open", child, 0), 1, 0)
    finally:
        _end(child)
    return breached(f"descriptor {file} was another process's")


def io_uring(_: Facts) -> Verdict:
    """Makes a ring through which the kernel works without being called, and so without a filter."""
    return breached(f"a ring was made, descriptor {call('io_uring_setup', 1, ctypes.create_string_buffer(120))}")


def userfaultfd(_: Facts) -> Verdict:
    """Asks to handle page faults, with which races in the kernel are won."""
    return breached(f"page faults are handled, descriptor {call('userfaultfd', _UFFD_USER_MODE_ONLY)}")


def keys(_: Facts) -> Verdict:
    """Keeps something in the kernel's key store, which no namespace divides."""
    key = call("add_key", b"user", b"unhobble-attack", _MARK, len(_MARK), _SESSION_KEYRING)
    copy = ctypes.create_string_buffer(len(_MARK))
    call("keyctl", _KEYCTL_READ, key, copy, len(_MARK), 0)
    call("keyctl", _KEYCTL_REVOKE, key, 0, 0, 0)
    return breached("a key was kept and read again") if copy.raw == _MARK else held("the key could not be read again")


def vsock(_: Facts) -> Verdict:
    """Binds a socket to the hypervisor, whom no network namespace keeps away."""
    with socket.socket(_AF_VSOCK, socket.SOCK_STREAM) as link:
        link.bind((_VMADDR_ANY, _VMADDR_ANY))
        return breached(f"bound to {link.getsockname()}")


def netlink(_: Facts) -> Verdict:
    """Asks the kernel about its network devices."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.settimeout(5)
        link.send(struct.pack("=LHHLL4xHHLL", 32, _RTM_GETLINK, _NLM_REQUEST_DUMP, 1, 0, 0, 0, 0, 0))
        return breached(f"the kernel answered with {len(link.recv(65_536))} bytes")


def odd_sockets(_: Facts) -> Verdict:
    """Opens sockets of every family but the three that programs use."""
    opened = []
    for family in set(range(1, _FAMILIES)) - _ORDINARY:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind, 0).close()
            except OSError:
                continue
            opened.append(family)
            break
    return breached(f"sockets of the families {sorted(opened)}") if opened else held("no family but unix, IPv4 and IPv6")


def user_namespace(_: Facts) -> Verdict:
    """Becomes root of a user namespace of its own, by each of the three calls that make one."""
    refusals = []
    for way in (lambda: call("unshare", CLONE_NEWUSER), _clone, _clone3):
        child = os.fork()
        if child == 0:
            os._exit(_error_of(way))
        if error := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            refusals.append(os.strerror(error))
        else:
            return breached("a user namespace was made")
    return held(", ".join(refusals))


def _error_of(way: object) -> int:
    assert callable(way)
    try:
        way()
    except OSError as error:
        return error.errno or 255
    return 0


def _clone() -> None:
    if call("clone", CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


def _clone3() -> None:
    arguments = ctypes.create_string_buffer(struct.pack("=8Q", CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    if call("clone3", arguments, 64) == 0:
        os._exit(0)


def watch_performance(_: Facts) -> Verdict:
    """Opens a performance counter."""
    attributes = struct.pack("=IIQQQQQ", _PERF_SOFTWARE, _PERF_SIZE, 0, 0, 0, 0, _PERF_EXCLUDE_KERNEL_AND_HV)
    counter = call("perf_event_open", ctypes.create_string_buffer(attributes, _PERF_SIZE), 0, -1, -1, 0)
    return breached(f"a counter was opened, descriptor {counter}")


def other_abi(_: Facts) -> Verdict:
    """Calls the kernel as a 32-bit program does, with other numbers than a filter knows."""
    if platform.machine() != "x86_64":
        return untried(f"there is no second ABI on {platform.machine()} that is tried here")
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex("53b814000000cd805bc3"))  # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        os._exit(0 if answer == os.getpid() else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return breached("a 32-bit call was answered") if code == 0 else held(f"a 32-bit call was not answered ({code})")


def _paused() -> int:
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    return child


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
