"""The arithmetic behind `make bench-sandbox`: a wrong slope or ratio would be a wrong claim in the documentation."""

import os
import resource
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sandbox.engine import Account, Unmeasurable, accounting_root, parse_cpu_stat
from benchmarks.sandbox.figures import (
    BadAnswer,
    Cost,
    Target,
    cost_of_one,
    parse_answer,
    parse_process_cpu,
    percentile,
    spread,
)

seconds = st.floats(0, 1000)


def cost(client: float, daemon: float = 0.0, containers: float = 0.0, wall: float = 0.0) -> Cost:
    return Cost(client, daemon, containers, wall)


@given(fixed=st.lists(seconds, min_size=4, max_size=4), each=st.lists(seconds, min_size=4, max_size=4), few=st.integers(1, 9))
def test_what_a_batch_costs_by_itself_is_not_booked_on_its_rollouts(fixed, each, few):
    def batch(n: int) -> Cost:
        return Cost(*(once + n * of_one for once, of_one in zip(fixed, each, strict=True)))

    assert cost_of_one(few, batch(few), few + 7, batch(few + 7)).parts == pytest.approx(each, abs=1e-6)


def test_a_slope_needs_two_sizes():
    with pytest.raises(ValueError, match="larger batch than 5 rollouts, not 5"):
        cost_of_one(5, cost(1), 5, cost(2))


def test_the_work_of_the_commands_in_containers_is_not_the_frameworks():
    assert cost(1, 2, 4, 8).framework_s == 3


@given(st.lists(seconds, min_size=1))
def test_half_of_the_values_are_at_most_the_median_and_all_at_most_the_last(values):
    p50 = percentile(values, 50)
    assert p50 in values
    assert sum(value <= p50 for value in values) >= len(values) / 2
    assert sum(value < p50 for value in values) < len(values) / 2
    assert percentile(values, 100) == max(values)


def test_a_percentile_is_the_nearest_rank():
    assert [percentile([3, 1, 2, 4], p) for p in (25, 50, 51, 95)] == [1, 2, 3, 4]


def test_a_spread_shows_the_middle_first():
    assert f"{spread([3.0, 1.0, 2.5]):.1f}" == "2.5 (1.0-3.0)"


def test_a_target_is_met_up_to_its_limit():
    assert Target("c", 10.0, 10.0, "ms").met
    assert not Target("c", 10.1, 10.0, "ms").met


@pytest.mark.parametrize("line", ["", "null", "3", "{}", '{"solved": null}', "Running 1 tasks..."])
def test_what_is_no_answer_is_refused(line):
    with pytest.raises(BadAnswer, match="not an answer"):
        parse_answer(line)
    assert parse_answer('{"solved": 3}\n') == 3


def test_the_cpu_time_of_a_process_is_read_behind_whatever_its_name_holds():
    fields = ["S", *["0"] * 10, "100", "20", "3", "4", *["0"] * 30]
    assert parse_process_cpu(f"7 (a) b) {' '.join(fields)}", 100) == pytest.approx(1.27)


def test_the_cpu_time_of_this_very_process_is_the_kernels():
    subprocess.run(["true"], check=True)
    stat = Path("/proc/self/stat").read_text()
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    expected = sum(usage.ru_utime + usage.ru_stime for usage in used)
    assert parse_process_cpu(stat, os.sysconf("SC_CLK_TCK")) == pytest.approx(expected, abs=0.1)


def test_cpu_time_is_counted_by_version_1_where_it_is_mounted_and_else_by_version_2():
    v1 = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0"
    v2 = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0"
    other = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ntmpfs /sys/fs/cgroup tmpfs rw 0 0"
    assert accounting_root(f"{other}\n{v2}\n{v1}") == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert accounting_root(f"{other}\n{v2}") == Path("/sys/fs/cgroup/unified")
    with pytest.raises(Unmeasurable, match="no control group counts CPU time"):
        accounting_root(other)


def test_both_versions_files_are_read(tmp_path):
    assert Account(tmp_path / "not there").cpu_s == 0
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n")
    assert Account(tmp_path).cpu_s == parse_cpu_stat("usage_usec 1500000") == 1.5
    (tmp_path / "cpuacct.usage").write_text("2500000000\n")
    assert Account(tmp_path).cpu_s == 2.5
