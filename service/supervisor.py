"""Keeps the controller alive as a child process.

The controller is Ray's driver, and Ray ends its driver without an exception when the cluster's control store dies. So it does
not live in the API's process; when it ends, for whatever reason, it is started again and takes its studies up where they were.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from types import TracebackType

from service.settings import Settings

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_STOP_S = 15.0
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)


class Supervisor:
    """Runs ``python -m service.controller_main`` for as long as the context is open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Supervisor":
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            try:
                await asyncio.wait_for(self._child.wait(), _STOP_S)
            except TimeoutError:
                self._child.kill()
                await self._child.wait()

    async def _watch(self) -> None:
        delay_s = _FIRST_DELAY_S
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "service.controller_main",
                env={**os.environ, **self._settings.environment()},
                preexec_fn=_die_with_parent,
            )
            code = await self._child.wait()
            if loop.time() - started_s > _LONGEST_DELAY_S:
                delay_s = _FIRST_DELAY_S  # it had been well
            _log.warning("the controller ended with %s; it is started again in %.1f s", code, delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def _die_with_parent() -> None:
    """Ask the kernel to end the child when the API's process dies, so that a killed service leaves no second owner behind."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
