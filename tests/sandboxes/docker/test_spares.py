"""Sandboxes that were started ahead: who gets them, how many there are, and what becomes of those that nobody takes."""

import asyncio

import pytest

from sandboxes._docker.spares import Spares
from unhobble.errors import SandboxError


class Fake:
    """A sandbox that only knows whether it works and whether it was closed."""

    def __init__(self, shape: str) -> None:
        self.shape = shape
        self.works = True
        self.is_closed = False

    async def stop_agent(self) -> None:
        if not self.works:
            raise SandboxError("gone")

    async def close(self) -> None:
        self.is_closed = True


class Starter:
    """Starts fakes, and remembers them. One that is asked for ``broken`` fails."""

    def __init__(self) -> None:
        self.started: list[Fake] = []
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def __call__(self, shape: str) -> Fake:
        await self.may_finish.wait()
        if shape == "broken":
            raise SandboxError("cannot start")
        self.started.append(Fake(shape))
        return self.started[-1]

    @property
    def shapes(self) -> list[str]:
        return [fake.shape for fake in self.started]

    @property
    def open_shapes(self) -> list[str]:
        return [fake.shape for fake in self.started if not fake.is_closed]


@pytest.fixture
def starter() -> Starter:
    return Starter()


def some(starter: Starter, count: int) -> Spares[str, Fake]:
    """Spares that have seen every shape before."""
    spares = Spares(starter, count)
    for shape in ("a", "b", "c", "broken"):
        spares.prepare(shape)
    return spares


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nothing_is_started_before_the_first_opening(starter: Starter) -> None:
    spares = some(starter, 2)
    assert await spares.take("a") is None
    await spares.close()
    assert starter.started == []


async def test_a_shape_that_is_opened_once_costs_no_start_in_vain(starter: Starter) -> None:
    spares = Spares(starter, 2)
    spares.prepare("a")
    await turns()
    assert starter.started == []
    spares.prepare("a")
    await turns()
    assert starter.shapes == ["a"]
    await spares.close()


async def test_a_spare_is_taken_once_and_only_for_its_shape(starter: Starter) -> None:
    spares = some(starter, 2)
    spares.prepare("a")
    await turns()
    assert await spares.take("b") is None
    assert await spares.take("a") is starter.started[0]
    assert await spares.take("a") is None
    await spares.close()
    assert not starter.started[0].is_closed


async def test_one_who_comes_early_gets_the_spare_that_is_still_starting(starter: Starter) -> None:
    spares = some(starter, 2)
    starter.may_finish.clear()
    spares.prepare("a")
    taking = asyncio.ensure_future(spares.take("a"))
    await turns()
    assert not taking.done()
    starter.may_finish.set()
    assert await taking is starter.started[0]
    await spares.close()


async def test_no_more_wait_than_was_asked_for(starter: Starter) -> None:
    spares = some(starter, 2)
    for _ in range(5):
        spares.prepare("a")
    await turns()
    assert starter.shapes == ["a", "a"]
    await spares.close()


async def test_the_shape_that_was_not_opened_for_the_longest_time_loses_one(starter: Starter) -> None:
    spares = some(starter, 2)
    for shape in ("a", "b", "a", "c"):
        spares.prepare(shape)
        await turns()
    assert sorted(starter.open_shapes) == ["a", "c"]
    await spares.close()


async def test_none_are_started_where_none_are_wanted(starter: Starter) -> None:
    spares = some(starter, 0)
    spares.prepare("a")
    await spares.close()
    assert starter.started == []


async def test_a_spare_that_died_is_passed_over(starter: Starter) -> None:
    spares = some(starter, 2)
    spares.prepare("a")
    spares.prepare("a")
    await turns()
    starter.started[0].works = False
    assert await spares.take("a") is starter.started[1]
    await spares.close()


async def test_a_start_that_fails_is_nobodys_failure(starter: Starter) -> None:
    spares = some(starter, 2)
    spares.prepare("broken")
    assert await spares.take("broken") is None
    spares.prepare("broken")
    await spares.close()


async def test_closing_removes_those_that_wait_and_those_that_are_starting(starter: Starter) -> None:
    spares = some(starter, 2)
    spares.prepare("a")
    await turns()
    starter.may_finish.clear()
    spares.prepare("a")
    closing = asyncio.ensure_future(spares.close())
    await turns()
    assert not closing.done()
    starter.may_finish.set()
    await closing
    assert [fake.is_closed for fake in starter.started] == [True, True]
    spares.prepare("a")
    await turns()
    assert len(starter.started) == 2
