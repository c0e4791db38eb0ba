import asyncio

import pytest

from sandboxes._settling import opened, settled


async def test_settled_gives_the_result_and_the_error_of_its_work() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return 10 // number

    assert await settled(work(2)) == 5
    with pytest.raises(ZeroDivisionError):
        await settled(work(0))


@pytest.mark.parametrize("fails", [False, True])
async def test_settled_work_ends_although_its_waiter_is_cancelled_twice(fails: bool) -> None:
    gate, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await gate.wait()
        done.set()
        if fails:
            raise ValueError

    waiter = asyncio.ensure_future(settled(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        waiter.cancel()
    await asyncio.sleep(0)
    assert not waiter.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert done.is_set()


async def test_what_was_opened_for_nobody_is_closed() -> None:
    gate = asyncio.Event()
    closed: list[str] = []

    async def opening() -> str:
        await gate.wait()
        return "thing"

    async def close(thing: str) -> None:
        closed.append(thing)

    waiter = asyncio.ensure_future(opened(opening(), close))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert closed == ["thing"]
    assert await opened(opening(), close) == "thing"
    assert closed == ["thing"]
