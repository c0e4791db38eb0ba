"""A system-call filter for commands: it denies what no task needs and kernels were broken through.

It is laid over whatever the backend filters itself. Denied: other ABIs of the processor, io_uring, userfaultfd, keys, tracing,
bpf, mounts, namespaces, modules, handles, and sockets but those of unix, IPv4 and IPv6. ``clone3`` answers that it does not
exist, because a filter cannot see its flags; C libraries then use ``clone``.

Source: linux/seccomp.h, linux/filter.h, linux/audit.h; numbers from asm/unistd_64.h and asm-generic/unistd.h.
"""

import errno
import platform
import struct
from functools import cache

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
# NEWTIME has no bit here: clone reads that one as part of the exit signal.
_CLONE_NEW = 0x7E020000
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_X32 = 0x40000000

_LOAD = 0x20
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_RETURN = 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16


@cache
def program(machine: str | None = None) -> bytes:
    """The filter as an array of ``struct sock_filter`` (8 bytes each) for ``machine``, this one's if None.

    Raises ``ValueError`` for a machine whose numbers are not known.
    """
    machine = machine or platform.machine()
    if machine not in _COLUMN:
        raise ValueError(f"no system-call filter for {machine!r}; there are {', '.join(_COLUMN)}")
    column = _COLUMN[machine]
    code = [_step(_LOAD, _ARCH_AT), _step(_EQUAL, _AUDIT_ARCH[machine], 1, 0), _deny(errno.ENOSYS)]
    code += [_step(_LOAD, _NUMBER_AT)]
    if machine == "x86_64":
        code += [_step(_AT_LEAST, _X32, 0, 1), _deny(errno.ENOSYS)]
    for numbers in _DENIED.values():
        if (number := numbers[column]) is not None:
            code += [_step(_EQUAL, number, 0, 1), _deny(errno.EPERM)]
    code += [_step(_EQUAL, _CLONE3[column], 0, 1), _deny(errno.ENOSYS)]
    code += [_step(_EQUAL, _CLONE[column], 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT)]
    code += [_step(_ANY_BIT, _CLONE_NEW, 0, 1), _deny(errno.EPERM), _step(_RETURN, _ALLOW)]
    code += [_step(_EQUAL, _SOCKET[column], 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, _FIRST_ARGUMENT_AT)]
    for family in _FAMILIES:
        code += [_step(_EQUAL, family, 0, 1), _step(_RETURN, _ALLOW)]
    return b"".join([*code, _deny(errno.EAFNOSUPPORT)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _deny(error: int) -> bytes:
    return _step(_RETURN, _ERRNO | error)
