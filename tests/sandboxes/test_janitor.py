"""Sweeping for as long as a provider is in use."""

import asyncio
import logging

import pytest

from sandboxes._janitor import Janitor


class Sweeps:
    def __init__(self, *outcomes: list[str] | Exception) -> None:
        self._outcomes = list(outcomes)
        self.count = 0
        self.enough = asyncio.Event()

    async def __call__(self) -> list[str]:
        self.count += 1
        outcome = self._outcomes.pop(0) if self._outcomes else []
        if not self._outcomes:
            self.enough.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_the_first_use_waits_for_a_sweep_and_the_next_do_not() -> None:
    sweeps = Sweeps()
    janitor = Janitor(sweeps)
    assert sweeps.count == 0
    await asyncio.gather(*(janitor.begin() for _ in range(3)))
    await janitor.begin()
    assert sweeps.count == 1
    await janitor.close()


async def test_it_goes_on_sweeping_after_a_failure_and_says_both(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sweeps = Sweeps(OSError("no directory"), ["a group"], [])
    janitor = Janitor(sweeps, period_s=0.001)
    await janitor.begin()
    async with asyncio.timeout(30):
        await sweeps.enough.wait()
    await janitor.close()
    assert [record.getMessage() for record in caplog.records] == [
        "what dead workers left could not be swept: no directory",
        "swept a group",
    ]


async def test_a_closed_janitor_sweeps_no_more_and_can_begin_again() -> None:
    sweeps = Sweeps()
    janitor = Janitor(sweeps, period_s=0.001)
    await janitor.begin()
    await janitor.close()
    await janitor.close()
    count = sweeps.count
    await asyncio.sleep(0.05)
    assert sweeps.count == count
    await janitor.begin()
    assert sweeps.count > count
    await janitor.close()


async def test_who_waits_for_a_sweep_is_let_go_when_the_janitor_is_closed() -> None:
    async def endless() -> list[str]:
        await asyncio.sleep(1000)
        return []

    janitor = Janitor(endless)
    waiting = asyncio.ensure_future(janitor.begin())
    await asyncio.sleep(0)
    await janitor.close()
    async with asyncio.timeout(30):
        await waiting
