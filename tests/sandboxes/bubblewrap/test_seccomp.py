"""The filter, run by a small interpreter of the kernel's classic BPF."""

import errno
import struct

import pytest

from sandboxes._bubblewrap.seccomp import program

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def verdict(machine: str, number: int, argument: int = 0, *, arch: int | None = None) -> int:
    """0 where the call is allowed, else its errno."""
    data = struct.pack("=IIQQ", number, arch or ARCH[machine], 0, argument & 0xFFFFFFFFFFFFFFFF)
    steps = list(struct.iter_unpack("=HBBI", program(machine)))
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return 0 if value == ALLOW else value - ERRNO
        else:
            true = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
            at += if_true if true else if_false


@pytest.mark.parametrize(
    ("machine", "number", "argument", "expected"),
    [
        ("x86_64", 0, 0, 0),
        ("x86_64", 59, 0, 0),
        ("x86_64", 425, 0, errno.EPERM),
        ("x86_64", 101, 0, errno.EPERM),
        ("x86_64", 435, 0, errno.ENOSYS),
        ("x86_64", 0x40000000 + 59, 0, errno.ENOSYS),
        ("x86_64", 56, 0x01200011, 0),  # as fork does
        ("x86_64", 56, 0x003D0F00, 0),  # as a thread does
        ("x86_64", 56, 0x10000000, errno.EPERM),
        ("x86_64", 56, 0x00020011, errno.EPERM),
        ("x86_64", 41, 1, 0),
        ("x86_64", 41, 2, 0),
        ("x86_64", 41, 10, 0),
        ("x86_64", 41, 16, errno.EAFNOSUPPORT),
        ("x86_64", 41, 40, errno.EAFNOSUPPORT),
        ("aarch64", 221, 0, 0),
        ("aarch64", 117, 0, errno.EPERM),
        ("aarch64", 220, 0x10000000, errno.EPERM),
        ("aarch64", 198, 16, errno.EAFNOSUPPORT),
        ("aarch64", 101, 0, 0),  # ptrace elsewhere, nanosleep here
    ],
)
def test_a_call_is_judged(machine: str, number: int, argument: int, expected: int) -> None:
    assert verdict(machine, number, argument) == expected


@pytest.mark.parametrize("number", [0, 1, 11, 101, 120, 425])
def test_calls_of_another_abi_do_not_exist(number: int) -> None:
    assert verdict("x86_64", number, arch=I386) == errno.ENOSYS


def test_a_machine_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'vax'"):
        program("vax")
