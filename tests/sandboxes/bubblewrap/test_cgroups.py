"""Which control groups are found, on machines made of plain files."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sandboxes._bubblewrap.cgroups import Cgroups, find
from sandboxes._controls import Control
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec

SPEC = SandboxSpec(cpus=1.5, memory_bytes=64 * 2**20, processes=40, disk_bytes=16 * 2**20)


class Machine:
    """A root directory with cgroup mounts, and what /proc says of a worker on it."""

    def __init__(self, root: Path) -> None:
        self.cgroups = root / "cgroup"
        self.process = root / "self"
        self.process.mkdir(parents=True)
        self._mounts: list[str] = []
        self._own: list[str] = []

    def v1(self, controller: str, own: str, *, root: str = "/") -> Path:
        mount = self.cgroups / controller
        group = mount / own.strip("/")
        group.mkdir(parents=True)
        self._mounts.append(f"35 31 0:32 {root} {mount} rw,relatime - cgroup cgroup rw,{controller}")
        self._own.append(f"4:{controller}:{root.rstrip('/') + own}")
        return group

    def v2(self, own: str) -> Path:
        mount = self.cgroups / "unified"
        group = mount / own.strip("/")
        group.mkdir(parents=True)
        self._mounts.append(f"41 31 0:38 / {mount} rw - cgroup2 cgroup2 rw")
        self._own.append(f"0::{own}")
        return group

    def look(self) -> Cgroups:
        mounts = ["22 1 254:0 / / rw - ext4 /dev/vda rw", *self._mounts]
        (self.process / "mountinfo").write_text("".join(f"{line}\n" for line in mounts))
        (self.process / "cgroup").write_text("".join(f"{line}\n" for line in self._own))
        return find(self.process)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def limits_of(group: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in group.iterdir()}


def test_version_1_groups_are_made_below_the_workers_own(machine: Machine) -> None:
    places = {controller: machine.v1(controller, "/system/worker") for controller in ("memory", "pids", "cpu")}
    cgroups = machine.look()
    assert cgroups.missing == ()
    cgroups.create("box", SPEC)
    assert limits_of(places["memory"] / "box") == {"memory.limit_in_bytes": "100663296"}
    assert limits_of(places["pids"] / "box") == {"pids.max": "40"}
    assert limits_of(places["cpu"] / "box") == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"}


def test_a_process_joins_the_group_in_every_hierarchy(machine: Machine) -> None:
    places = [machine.v1(controller, "/") for controller in ("memory", "pids")]
    machine.look().create("box", SPEC).add(1234)
    assert [(place / "box" / "cgroup.procs").read_text() for place in places] == ["1234", "1234"]


def test_in_a_container_the_mount_is_the_workers_own_group(machine: Machine) -> None:
    group = machine.v1("memory", "/", root="/docker/abc")
    machine.look().create("box", SPEC)
    assert (group / "box").is_dir()


def test_what_no_hierarchy_has_is_named(machine: Machine) -> None:
    machine.v1("pids", "/")
    assert machine.look().missing == ("memory_bytes", "cpus")


def test_a_machine_without_cgroups_enforces_nothing_and_breaks_nothing(machine: Machine) -> None:
    cgroups = machine.look()
    assert cgroups.missing == ("memory_bytes", "processes", "cpus")
    group = cgroups.create("box", SPEC)
    group.add(os.getpid())
    assert group.oom_kills() == 0
    group.remove()


def test_version_2_groups_are_made_where_children_have_the_controllers(machine: Machine) -> None:
    leaf = machine.v2("/user/service/worker")
    (leaf / "cgroup.controllers").write_text("")
    (leaf.parent / "cgroup.controllers").write_text("cpu memory pids\n")
    (leaf.parent / "cgroup.subtree_control").write_text("cpu memory pids\n")
    cgroups = machine.look()
    assert cgroups.missing == ()
    cgroups.create("box", SPEC)
    assert limits_of(leaf.parent / "box") == {"memory.max": "100663296", "pids.max": "40", "cpu.max": "150000 100000"}


def test_version_2_without_a_group_to_share_out_enforces_nothing(machine: Machine) -> None:
    machine.v2("/session")
    assert machine.look().missing == ("memory_bytes", "processes", "cpus")


def test_a_group_that_exists_is_another_sandboxs_and_left_alone(machine: Machine) -> None:
    memory, pids = machine.v1("memory", "/"), machine.v1("pids", "/")
    (memory / "box").mkdir()
    with pytest.raises(SandboxError, match="box"):
        machine.look().create("box", SPEC)
    assert (memory / "box").is_dir()
    assert not (pids / "box").exists()


def test_kills_for_memory_are_read_from_both_versions(machine: Machine) -> None:
    memory = machine.v1("memory", "/")
    group = machine.look().create("box", SPEC)
    (memory / "box" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert group.oom_kills() == 3
    (memory / "box" / "memory.oom_control").unlink()
    with pytest.raises(SandboxError, match="gone"):
        group.oom_kills()


@pytest.mark.parametrize(
    ("without", "left_out"),
    [(Control.memory, "memory.max"), (Control.processes, "pids.max"), (Control.cpus, "cpu.max"), (Control.network, None)],
)
def test_a_control_that_is_off_sets_no_limit(machine: Machine, without: Control, left_out: str | None) -> None:
    leaf = machine.v2("/worker")
    (leaf / "cgroup.controllers").write_text("cpu memory pids\n")
    (leaf / "cgroup.subtree_control").write_text("cpu memory pids\n")
    machine.look().create("box", SPEC, frozenset({without}))
    assert set(limits_of(leaf / "box")) == {"memory.max", "pids.max", "cpu.max"} - {left_out}


def test_controllers_that_are_not_shared_out_yet_are(machine: Machine) -> None:
    leaf = machine.v2("/worker")
    (leaf / "cgroup.controllers").write_text("cpu io memory pids\n")
    (leaf / "cgroup.subtree_control").write_text("cpu memory\n")
    machine.look()
    assert (leaf / "cgroup.subtree_control").read_text() == "+pids"


def test_kills_for_memory_are_read_from_version_2(machine: Machine) -> None:
    leaf = machine.v2("/worker")
    (leaf / "cgroup.subtree_control").write_text("memory\n")
    group = machine.look().create("box", SPEC)
    (leaf / "box/memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n")
    assert group.oom_kills() == 2


def test_swap_is_limited_where_there_is_some(machine: Machine) -> None:
    machine.v1("memory", "/")
    (hierarchy,) = machine.look()._hierarchies
    assert dict(hierarchy.settings(SPEC))["memory.memsw.limit_in_bytes"] == str(SPEC.ceiling_bytes)
    assert dict(replace(hierarchy, version=2).settings(SPEC))["memory.swap.max"] == "0"


def test_groups_are_found_and_removed_by_the_start_of_their_names(machine: Machine) -> None:
    places = [machine.v1(controller, "/") for controller in ("memory", "pids")]
    for place, name in ((places[0], "a.1"), (places[1], "a.1"), (places[1], "a.2"), (places[0], "b.1")):
        (place / name).mkdir()
    cgroups = machine.look()
    assert cgroups.names("a.") == ["a.1", "a.2"]
    assert cgroups.remove_all("a.1")
    assert [sorted(path.name for path in place.iterdir()) for place in places] == [["b.1"], ["a.2"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a control group")
def test_killing_a_group_ends_its_processes_and_removing_it_leaves_nothing() -> None:
    cgroups = find()
    group = cgroups.create(name := f"unhobble-test-{os.getpid()}", SPEC)
    try:
        with subprocess.Popen(["sleep", "1000"]) as process:
            group.add(process.pid)
            group.kill()
            assert process.wait() == -signal.SIGKILL
        assert cgroups.names(name) == [name]
    finally:
        assert group.remove()
    assert cgroups.names(name) == []
