"""Rollouts that wait for room: none is lost, whoever leaves gives its room back."""

import asyncio

import pytest

from service.workers.inline_pool import InlinePool
from service.workers.room import Size
from service.workers.waiting_room import TooLarge, WaitingRoom, this_machine
from tests.service.workers.test_pools import results, rollout
from unhobble.sandboxing import SandboxSpec

GIB = 2**30


def waiting_room(cores: float = 2, memory_bytes: int = 8 * GIB) -> WaitingRoom:
    return WaitingRoom(lambda: {"here": Size(cores, memory_bytes)})


class Guests:
    """Those that hold room until they are told to leave."""

    def __init__(self, room: WaitingRoom) -> None:
        self.inside: list[str] = []
        self._room = room
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, size: Size) -> None:
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, size))
        await self._settle()

    async def go(self, name: str) -> None:
        self._leave[name].set()
        await self._settle()

    async def drop(self, name: str) -> None:
        self.tasks[name].cancel()
        await self._settle()

    async def _stay(self, name: str, size: Size) -> None:
        async with self._room.room_for(size):
            self.inside.append(name)
            try:
                await self._leave[name].wait()
            finally:
                self.inside.remove(name)

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_whoever_leaves_lets_the_next_one_in():
    guests = Guests(waiting_room())
    for name in "abc":
        await guests.come(name, Size(1, GIB))
    assert guests.inside == ["a", "b"]
    await guests.go("a")
    assert guests.inside == ["b", "c"]


async def test_one_that_is_cancelled_gives_back_its_room_or_its_place_in_the_queue():
    room = waiting_room()
    guests = Guests(room)
    await guests.come("a", Size(2, GIB))
    await guests.come("b", Size(2, GIB))
    await guests.come("c", Size(1, GIB))
    await guests.drop("b")
    assert guests.inside == ["a"]
    await guests.drop("a")
    assert guests.inside == ["c"]
    await guests.drop("c")
    await guests.come("d", Size(2, GIB))
    assert (guests.inside, room.waiting) == (["d"], 0)


async def test_one_that_is_cancelled_in_the_moment_in_which_it_is_let_in_keeps_nothing():
    guests = Guests(waiting_room())
    await guests.come("a", Size(2, GIB))
    await guests.come("b", Size(2, GIB))
    guests._leave["a"].set()
    await asyncio.sleep(0)  # a has left and b was let in, but has not run yet
    guests.tasks["b"].cancel()
    await guests.come("c", Size(2, GIB))
    assert guests.inside == ["c"]


async def test_what_no_node_could_hold_is_refused_with_what_there_is():
    with pytest.raises(TooLarge, match=r"nodes have 2 cores and 8\.00 GiB.*sandbox\.requested_memory_bytes"):
        async with waiting_room().room_for(Size(1, 9 * GIB)):
            raise AssertionError("there was no room")


async def test_a_node_that_joins_is_found_by_those_who_wait(monkeypatch):
    monkeypatch.setattr("service.workers.waiting_room._LOOK_EVERY_S", 0.0)
    nodes = {"here": Size(1, GIB)}
    guests = Guests(WaitingRoom(lambda: nodes))
    await guests.come("a", Size(1, GIB))
    await guests.come("b", Size(1, GIB))
    nodes["there"] = Size(1, GIB)
    await guests.come("c", Size(1, GIB))
    assert guests.inside == ["a", "b"]


def test_this_machine_has_processors_and_memory():
    here = this_machine()
    assert here.cores >= 1
    assert here.memory_bytes > 64 * 2**20


class OneAtATime:
    """A worker that remembers how many rollouts it had at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def run(self, spec):
        from unhobble.worker import invalid_result

        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return invalid_result(spec, "not run", retryable=True)

    async def close(self):
        pass


@pytest.mark.parametrize(("memory_bytes", "most"), [(12 * GIB, 1), (8 * GIB, 2), (GIB, 8)])
async def test_rollouts_run_at_once_only_as_far_as_their_sandboxes_have_room_together(memory_bytes, most):
    worker = OneAtATime()
    pool = InlinePool(worker, waiting_room(cores=16))
    for epoch in range(8):
        sandbox = SandboxSpec(backend="any", memory_bytes=memory_bytes)
        await pool.submit(rollout(epoch).model_copy(update={"sandbox": sandbox}))
    assert len(await results(pool, 8)) == 8
    assert worker.most == most
    await pool.close()


async def test_a_rollout_that_no_node_could_hold_comes_back_invalid_for_good_and_the_others_run():
    pool = InlinePool(OneAtATime(), waiting_room())
    await pool.submit(rollout(0).model_copy(update={"sandbox": SandboxSpec(backend="any", cpus=64)}))
    await pool.submit(rollout(1))
    found = {result.rollout_id: result for result in await results(pool, 2)}
    assert not found[rollout(0).id].retryable
    assert "16 cores" in found[rollout(0).id].error
    assert found[rollout(1).id].retryable
    await pool.close()
