"""Programs that do what only a privileged process may. Where one succeeds it changes nothing: it writes back what was there."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from sandboxes._attacks.inside.effects import Facts, Verdict, betrays, breached, call, held, processes, read_some, untried

# Of a file system as a whole, and of one view of it: the file system of control groups is the host's.
_REMOUNT, _REMOUNT_VIEW = 32, 32 | 4096
_ADJ_TICK = 0x4000
_TICK_AT, _TIMEX_BYTES = 88, 208  # of struct timex on 64-bit machines
_SYSLOG_READ_ALL = 3
_BPF_MAP_CREATE = 0
_HANDLE_BYTES = 128
_MOST_OF_A_PIECE = 1 << 24
_KERNEL_SETTINGS = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/panic", "/proc/sys/vm/overcommit_memory")
_DEVICE_SETTINGS = ("/sys/block/*/queue/read_ahead_kb", "/sys/kernel/mm/ksm/sleep_millisecs")
_OWN_GROUPS = ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs")
_DEVICES = (
    "/dev/mem",
    "/dev/kmsg",
    "/dev/vda",
    "/dev/sda",
    "/dev/nvme0n1",
    "/dev/kvm",
    "/dev/vsock",
    "/dev/loop-control",
    "/proc/kcore",
)


def mount(_: Facts) -> Verdict:
    """Mounts a file system over a directory."""
    place = Path("/work/mounted")
    place.mkdir(exist_ok=True)
    call("mount", b"attack", os.fsencode(place), b"tmpfs", 0, b"size=4096")
    return breached("a file system was mounted") if os.path.ismount(place) else held("nothing was mounted")


def chroot(_: Facts) -> Verdict:
    """Makes a directory its root, the first step out of a root that is not left by a mount namespace."""
    place = Path("/work/root")
    place.mkdir(exist_ok=True)
    call("chroot", os.fsencode(place))
    return breached("the root is another directory now") if os.listdir("/") == [] else held("the root stayed")  # noqa: PTH208


def join_namespace(_: Facts) -> Verdict:
    """Joins the namespaces of another process."""
    joined = []
    for process in processes():
        for kind in ("mnt", "net", "ipc", "uts"):
            with contextlib.suppress(OSError):
                file = os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY)
                call("setns", file, 0)
                joined.append(f"{kind} of {process}")
        if joined:
            break
    return breached(f"joined {', '.join(joined)}") if joined else held("no namespace could be joined")


def set_hostname(_: Facts) -> Verdict:
    """Names the machine."""
    name = os.fsencode(os.uname().nodename)
    call("sethostname", name, len(name))
    return breached("the name of the machine was set")


def set_clock(_: Facts) -> Verdict:
    """Tunes the clock, which all sandboxes and the worker share."""
    clock = ctypes.create_string_buffer(_TIMEX_BYTES)
    call("adjtimex", clock)
    ctypes.c_uint.from_buffer(clock).value = _ADJ_TICK
    call("adjtimex", clock)
    return breached(f"the clock's tick was set, to the {struct.unpack_from('q', clock, _TICK_AT)[0]} µs that it had")


def read_kernel_log(_: Facts) -> Verdict:
    """Reads what the kernel said, addresses and other sandboxes among it."""
    log = ctypes.create_string_buffer(4096)
    return breached(f"{call('syslog', _SYSLOG_READ_ALL, log, 4096)} bytes of the kernel's log were read")


def open_by_handle(_: Facts) -> Verdict:
    """Opens a file by its number, past every directory that would have to be passed."""
    handle, mount_number = ctypes.create_string_buffer(struct.pack("=I", _HANDLE_BYTES), 8 + _HANDLE_BYTES), ctypes.c_int()
    for path in (b"/etc/hosts", b"/work", b"/dev/shm", b"/usr"):
        place = os.open(path, os.O_RDONLY)
        try:
            call("name_to_handle_at", -100, path, handle, ctypes.byref(mount_number), 0)
            file = call("open_by_handle_at", place, handle, os.O_RDONLY)
        except OSError as error:
            if error.errno in {errno.EOPNOTSUPP, errno.ENOENT, errno.ESTALE}:
                continue
            raise
        return breached(f"{path.decode()} was opened by its number, descriptor {file}")
    return untried("no file system here has numbers to open files by")


def raw_socket(_: Facts) -> Verdict:
    """Makes a socket for packets that it writes itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return breached("a raw socket was made")


def packet_socket(_: Facts) -> Verdict:
    """Makes a socket below the network protocols, which sees and sends whole frames."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0):
        return breached("a packet socket was made")


def make_device(_: Facts) -> Verdict:
    """Makes a file that is the machine's first disk."""
    node = Path("/work/disk")
    os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(8, 0))
    made = stat.S_ISBLK(node.lstat().st_mode)
    node.unlink()
    return breached("a device file was made") if made else held("no device file came of it")


def open_devices(_: Facts) -> Verdict:
    """Opens devices of the machine: its memory, its disks, its log."""
    there = [path for path in _DEVICES if Path(path).exists()]
    opened = [path for path in there if _opens(path)]
    return breached(f"opened {', '.join(opened)}") if opened else held(f"{len(there)} are there, none can be opened")


def write_kernel_settings(_: Facts) -> Verdict:
    """Sets the kernel, with the values that it has."""
    return _rewrite(_KERNEL_SETTINGS)


def write_device_settings(_: Facts) -> Verdict:
    """Sets devices and subsystems through /sys, with the values that they have; mounts it for writing if it must."""
    _make_writable("/sys", _REMOUNT, _REMOUNT_VIEW)
    return _rewrite([path for pattern in _DEVICE_SETTINGS for path in sorted(glob.glob(pattern))])  # noqa: PTH207 (text is wanted)


def _rewrite(paths: Iterator[str] | list[str] | tuple[str, ...]) -> Verdict:
    refusals = []
    for path in paths:
        try:
            value = Path(path).read_bytes()
            Path(path).write_bytes(value)
        except OSError as error:
            refusals.append(f"{path}: {error.strerror}")
        else:
            return breached(f"{path} was written")
    return held("; ".join(refusals[:3]) or "there is none")


def leave_control_group(_: Facts) -> Verdict:
    """Writes itself into a control group, its own, as who can do that can leave it and raise its limits."""
    places = list(_OWN_GROUPS)
    for line in read_some("/proc/self/cgroup").decode().splitlines():
        controllers, group = line.split(":", 2)[1:]
        places.append(f"/sys/fs/cgroup/{controllers}{group}/cgroup.procs".replace("//", "/"))
    refusals = []
    for place in places:
        for mounted in (place, str(Path(place).parent), "/sys/fs/cgroup"):
            _make_writable(mounted, _REMOUNT_VIEW)
        try:
            with Path(place).open("r+") as file:
                file.write("0")
        except OSError as error:
            refusals.append(error.strerror or "")
        else:
            return breached(f"{place} was written")
    return held(", ".join(sorted(set(refusals))))


def raise_priority(_: Facts) -> Verdict:
    """Goes before all other processes of the machine."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before - 1)
    now = os.getpriority(os.PRIO_PROCESS, 0)
    return breached(f"its niceness is {now} after {before}") if now < before else held(f"its niceness stayed {now}")


def load_bpf(_: Facts) -> Verdict:
    """Makes a map for programs that run in the kernel."""
    attributes = ctypes.create_string_buffer(struct.pack("=IIII", 2, 4, 4, 1), 72)
    return breached(f"a map was made, descriptor {call('bpf', _BPF_MAP_CREATE, attributes, 72)}")


def take_all_rights(_: Facts) -> Verdict:
    """Looks whether it has a capability, or can become another user."""
    status = dict(entry.split(":", 1) for entry in read_some("/proc/self/status").decode().splitlines())
    capabilities = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    if any(capabilities.values()):
        return breached(f"it has capabilities: {capabilities['CapEff']:x}")
    with contextlib.suppress(OSError):
        os.setuid(0)
    return breached("it is root") if os.getuid() == 0 else held(f"no capability, uid {os.getuid()}")


def read_keeper(facts: Facts) -> Verdict:
    """Reads the whole memory of the processes that it did not start."""
    read = 0
    for process in processes():
        if process == os.getpid():
            continue
        with contextlib.suppress(OSError):
            memory = os.open(f"/proc/{process}/mem", os.O_RDONLY)
            for line in Path(f"/proc/{process}/maps").read_text().splitlines():
                start, end = (int(number, 16) for number in line.split()[0].split("-"))
                with contextlib.suppress(OSError, OverflowError):
                    piece = os.pread(memory, min(end - start, _MOST_OF_A_PIECE), start)
                    read += len(piece)
                    if betrays(piece, facts):
                        return breached(f"the secret is in the memory of process {process}")
            os.close(memory)
    return held(f"{read} bytes could be read of others' memory, none of them secret")


def _make_writable(mounted: str, *how: int) -> None:
    """Turn a mount that may only be read into one that may be written."""
    for flags in how:
        with contextlib.suppress(OSError):
            call("mount", 0, os.fsencode(mounted), 0, flags, 0)


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
