"""The controls that hold a sandbox, by name.

Every one of them is on. A provider can be built ``without`` some of them for one purpose: to prove that an attack which fails
does so because of the control, and not by accident (``tests/sandboxes/test_attacks.py``). No setting and no spec can do that.
"""

from enum import StrEnum


class Control(StrEnum):
    """One thing that a backend does to hold a sandbox; its value says what."""

    network = "no network but its own loopback"
    pids = "a process sees and signals only processes of its sandbox"
    ipc = "no shared memory, semaphores or message queues of others"
    filesystem = "a root of its own: no files of the host, the worker or other rollouts"
    read_only = "nothing but the agent's own directories can be written"
    identity = "the agent is another user than the keeper and than any of the host, without capabilities"
    privileges = "no program gives more rights than its caller has (no_new_privs, nosuid)"
    syscalls = "a filter refuses the system calls that no task needs"
    memory = "a ceiling for the memory of all processes together"
    processes = "a ceiling for processes and threads"
    cpus = "a ceiling for processor time"
    disk = "ceilings for bytes and files written"
    descriptors = "a ceiling for open files"
    environment = "an empty environment for whatever starts the sandbox"
    sweep = "no process outlives its command"
    output = "output is read up to a cap, and a flood ends the command"
    time = "a command that takes too long is killed"
    copying = "files are copied out without following links, waiting for pipes or reading without end"


NONE: frozenset[Control] = frozenset()
