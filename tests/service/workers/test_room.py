"""Who gets room, where and in which order: exactly."""

import random
from collections import Counter

import pytest

from service.workers.room import Room, Size

GIB = 2**30


def room(**nodes: tuple[float, int]) -> Room[str]:
    made: Room[str] = Room()
    made.resize({name: Size(cores, gib * GIB) for name, (cores, gib) in nodes.items()})
    return made


def size(cores: float, gib: float = 0) -> Size:
    return Size(cores, int(gib * GIB))


def asked(of: Room[str], *requests: tuple[str, Size]) -> list[tuple[str, str]]:
    for key, wanted in requests:
        of.ask(key, wanted)
    return of.grant()


def test_as_many_run_as_fit_and_the_rest_waits_its_turn():
    here = room(a=(2, 8))
    granted = asked(here, *[(str(i), size(0.25, 0.25)) for i in range(10)])
    assert granted == [(str(i), "a") for i in range(8)]
    here.give_back("3")
    assert here.grant() == [("8", "a")]
    assert here.waiting == 1


def test_memory_is_counted_as_well_as_cores():
    here = room(a=(16, 4))
    assert asked(here, ("x", size(1, 3)), ("y", size(1, 3))) == [("x", "a")]
    here.give_back("x")
    assert here.grant() == [("y", "a")]


def test_the_node_that_is_least_loaded_by_its_own_measure_is_taken():
    here = room(large=(8, 32), small=(2, 8))
    nodes = [node for _, node in asked(here, *[(str(i), size(1, 1)) for i in range(10)])]
    assert Counter(nodes) == {"large": 8, "small": 2}
    assert nodes[:2] == ["large", "large"]  # 1/8, then 2/8; on the small one it would be 1/2


def test_a_large_request_is_not_passed_for_ever_by_small_ones():
    here = room(a=(4, 16))
    asked(here, *[(f"small {i}", size(1)) for i in range(4)])
    assert asked(here, ("large", size(4))) == []
    for i in range(4):
        assert asked(here, (f"late {i}", size(1))) == []
        here.give_back(f"small {i}")
    assert here.grant() == [("large", "a")]
    here.give_back("large")
    assert [key for key, _ in here.grant()] == [f"late {i}" for i in range(4)]


def test_while_a_large_request_waits_for_its_node_others_use_the_other_nodes():
    here = room(big=(4, 16), tiny=(1, 4))
    asked(here, ("first", size(4)))
    assert asked(here, ("large", size(3)), ("small", size(0.5))) == [("small", "tiny")]
    assert asked(here, ("one too many", size(0.75))) == []
    here.give_back("first")
    assert here.grant() == [("large", "big"), ("one too many", "big")]


def test_the_node_that_was_kept_stays_the_same_until_the_request_fits():
    here = room(a=(2, 8), b=(2, 8))
    asked(here, ("x", size(1)), ("y", size(1)))
    assert asked(here, ("large", size(2))) == []
    seen = [node for i in range(20) for _, node in asked(here, (f"{i}", size(0.5)))]
    assert len(set(seen)) == 1
    kept = ({"a", "b"} - set(seen)).pop()
    here.give_back({"a": "x", "b": "y"}[kept])
    assert here.grant() == [("large", kept)]


def test_what_no_node_could_hold_is_said_so_and_holds_nobody_up():
    here = room(a=(2, 8), b=(4, 2))
    here.ask("cores", size(5))
    here.ask("both", size(4, 8))  # each alone is to be had, on different nodes
    here.ask("fits", size(1, 0.5))
    assert here.hopeless() == [("cores", size(5)), ("both", size(4, 8))]
    assert here.grant() == [("fits", "b")]
    assert here.waiting == 0


def test_a_node_that_dies_takes_its_room_along_and_a_new_one_brings_some():
    here = room(a=(1, 4), b=(1, 4))
    asked(here, ("x", size(1)), ("y", size(1)), ("z", size(1)))
    here.resize({"b": size(1, 4), "c": size(1, 4)})
    assert here.grant() == [("z", "c")]
    here.give_back("x")  # it was on the node that died
    here.ask("more", size(1))
    assert here.grant() == []


def test_a_node_without_cores_or_memory_is_none():
    assert dict(room(head=(0, 64), none=(4, 0)).nodes) == {}


def test_one_that_leaves_the_queue_makes_way():
    here = room(a=(2, 8))
    asked(here, ("x", size(1)), ("large", size(2)), ("small", size(1)))
    here.give_back("large")
    assert here.grant() == [("small", "a")]
    here.give_back("large")  # again


def test_what_is_set_aside_never_adds_up_to_more_than_there_is_and_everybody_has_a_turn():
    draws = random.Random(5)
    here = room(a=(3, 8), b=(2, 4), c=(0.7, 1))
    running: dict[str, tuple[str, Size]] = {}
    sizes = {str(i): size(draws.choice([0.1, 0.25, 1 / 3, 1, 3]), draws.choice([0.1, 0.5, 2, 8])) for i in range(300)}
    turns, waiting = [], list(sizes)
    while waiting or running or here.waiting:
        for key in waiting[:5]:
            here.ask(key, sizes[key])
        waiting = waiting[5:]
        for key, node in here.grant():
            running[key] = (node, sizes[key])
            turns.append(key)
        for node, whole in here.nodes.items():
            used = [taken for at, taken in running.values() if at == node]
            assert sum(taken.cores for taken in used) <= whole.cores + 1e-6
            assert sum(taken.memory_bytes for taken in used) <= whole.memory_bytes
        assert running
        done = draws.choice(list(running))
        del running[done]
        here.give_back(done)
    assert sorted(turns) == sorted(sizes)


@pytest.mark.parametrize(("wanted", "times"), [(size(0.25, 0.25), 8), (size(0.1, 0.25), 20), (size(0.25, 8), 1), (size(3, 1), 0)])
def test_how_often_something_fits(wanted, times):
    assert wanted.times_in(size(2, 8)) == times
