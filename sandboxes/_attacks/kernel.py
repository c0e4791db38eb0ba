"""Attacks on the kernel: calls that no task needs, and rights that no agent has."""

from sandboxes._attacks.attack import Attack, Unsandboxed, Weakened
from sandboxes._attacks.inside import calls, rights
from sandboxes._attacks.inside.effects import Verdict
from sandboxes._attacks.scene import Scene, by
from sandboxes._controls import Control
from unhobble.sandboxing import User

_CALLS = frozenset({Control.syscalls})
_RIGHTS = frozenset({Control.identity})
_BOTH = _CALLS | _RIGHTS
_ROOT = Unsandboxed(as_root=True)
# bubblewrap puts a command that may make no user namespace into one of its own, whose root has no rights in the sandbox's others.
_INNER = {"bubblewrap": Weakened(_BOTH | {Control.privileges})}
_INNER_BUT_ALLOWED = {"bubblewrap": Weakened(_RIGHTS | {Control.privileges})}
# The root of a user namespace is nobody to the kernel as a whole: nothing that bubblewrap could switch off gives such a right.
_ONLY_DOCKER = {"bubblewrap": _ROOT}


async def _setuid(scene: Scene) -> Verdict:
    """The keeper makes a program whose owner is root and that is marked to run as its owner; the agent runs it."""
    made = await scene.shell("cp /usr/bin/id /tests/id && chmod 4755 /tests/id", user=User.keeper)
    ran = await scene.shell("/tests/id -u")
    if not made.ok or not ran.ok:
        return Verdict(None, f"the program could not be made or run: {made.stderr!r} {ran.stderr!r}")
    return Verdict(ran.stdout.strip() == b"0", f"the agent's uid in the program was {ran.stdout.decode().strip()}")


ATTACKS = (
    Attack("ptrace", "attaches to a process as a debugger does", _CALLS, by(calls.trace)),
    Attack("process-memory", "reads another process's memory through the kernel", _CALLS, by(calls.read_memory)),
    Attack("pidfd-getfd", "takes an open file out of another process", _CALLS, by(calls.take_descriptor)),
    Attack("io-uring", "makes a ring that no filter sees through", _CALLS, by(calls.io_uring)),
    Attack("userfaultfd", "handles page faults itself, to win races in the kernel", _CALLS, by(calls.userfaultfd)),
    Attack("keys", "keeps data in the kernel's key store", _CALLS, by(calls.keys)),
    Attack("vsock", "binds a socket to the hypervisor", _CALLS, by(calls.vsock)),
    Attack("netlink", "asks the kernel about its devices", _CALLS, by(calls.netlink)),
    Attack("odd-sockets", "opens sockets of each of the kernel's other families, AF_ALG among them", _CALLS, by(calls.odd_sockets)),
    Attack("perf-event", "opens a performance counter", _CALLS, by(calls.watch_performance)),
    Attack("32-bit-calls", "calls the kernel by the numbers of another ABI", _CALLS, by(calls.other_abi)),
    Attack(
        "user-namespace",
        "becomes root of a user namespace of its own",
        _CALLS | {Control.privileges},
        by(calls.user_namespace),
        proofs={"docker": Weakened(_CALLS)},
    ),
    Attack("mount", "mounts a file system", _BOTH, by(rights.mount), proofs=_INNER),
    Attack("chroot", "makes a directory its root", _BOTH, by(rights.chroot)),
    Attack("setns", "joins the namespaces of another process", _BOTH, by(rights.join_namespace), proofs=_INNER),
    Attack("sethostname", "names the machine", _BOTH, by(rights.set_hostname), proofs=_INNER_BUT_ALLOWED),
    Attack("clock", "tunes the machine's clock", _BOTH, by(rights.set_clock), proofs=_ONLY_DOCKER),
    Attack("kernel-log", "reads the kernel's log", _BOTH, by(rights.read_kernel_log), proofs=_ONLY_DOCKER),
    Attack("file-handles", "opens files by number, past their directories", _BOTH, by(rights.open_by_handle), proofs=_ONLY_DOCKER),
    Attack("bpf", "makes a map for programs in the kernel", _BOTH, by(rights.load_bpf), proofs=_ONLY_DOCKER),
    Attack("raw-socket", "makes a socket for packets that it writes itself", _RIGHTS, by(rights.raw_socket), proofs=_ONLY_DOCKER),
    Attack(
        "packet-socket", "makes a socket that sees and sends whole frames", _BOTH, by(rights.packet_socket), proofs=_ONLY_DOCKER
    ),
    Attack("mknod", "makes a file that is the machine's disk", _RIGHTS, by(rights.make_device), proofs=_ONLY_DOCKER),
    Attack(
        "devices",
        "opens the machine's memory, disks and log",
        _RIGHTS,
        by(rights.open_devices),
        proofs=dict.fromkeys(("docker", "bubblewrap"), _ROOT),
    ),
    Attack("proc-sys", "sets the kernel", _RIGHTS, by(rights.write_kernel_settings), proofs=_ONLY_DOCKER),
    Attack("sys", "sets devices through /sys", _BOTH, by(rights.write_device_settings), proofs=_ONLY_DOCKER),
    Attack("control-group", "leaves its control group", _BOTH, by(rights.leave_control_group), proofs=_ONLY_DOCKER),
    Attack("priority", "goes before all other processes", _RIGHTS, by(rights.raise_priority), proofs=_ONLY_DOCKER),
    Attack("root", "has capabilities, or becomes root", _RIGHTS, by(rights.take_all_rights)),
    Attack(
        "setuid", "runs a program that runs as root", frozenset({Control.privileges}), _setuid, proofs={"bubblewrap": Unsandboxed()}
    ),
)
