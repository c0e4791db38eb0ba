"""Attacks that use up what the machine has."""

from sandboxes._attacks.attack import SMALL, Attack
from sandboxes._attacks.inside import bombs
from sandboxes._attacks.scene import by
from sandboxes._controls import Control

ATTACKS = (
    Attack("fork-bomb", "starts twice as many processes as it may have", frozenset({Control.processes}), by(bombs.fork)),
    Attack("thread-bomb", "starts twice as many threads as it may have", frozenset({Control.processes}), by(bombs.threads)),
    Attack("memory-bomb", "touches three times its memory", frozenset({Control.memory}), by(bombs.memory)),
    Attack(
        "memory-bomb-of-many",
        "holds three times its memory in six processes that stay below the ceiling alone",
        frozenset({Control.memory}),
        by(bombs.memory_of_many),
    ),
    Attack(
        "memory-bomb-in-a-file",
        "holds three times its memory in a file without a name",
        frozenset({Control.memory}),
        by(bombs.shared_memory),
    ),
    Attack("disk-bomb", "fills the working directory with three times its disk", frozenset({Control.disk}), by(bombs.disk)),
    Attack(
        "disk-bomb-elsewhere",
        "fills every other directory that can be written, shared memory among them",
        frozenset({Control.disk}),
        by(bombs.disk_anywhere),
    ),
    Attack("inode-bomb", "makes 20,000 empty files", frozenset({Control.disk}), by(bombs.inodes)),
    Attack(
        "descriptor-bomb",
        "raises its own limit of open files and opens twice as many as it may",
        frozenset({Control.descriptors}),
        by(bombs.descriptors),
    ),
    Attack(
        "cpu-bomb",
        "keeps all processors busy where it may have a tenth of one",
        frozenset({Control.cpus}),
        by(bombs.cpus),
        spec=SMALL.model_copy(update={"cpus": 0.1}),
    ),
)
