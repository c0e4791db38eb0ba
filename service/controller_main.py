"""The controller's process: ``python -m service.controller_main``. Settings come from the environment."""

import asyncio
import contextlib
import logging
import signal

from service.controller import Controller
from service.db import open_store
from service.settings import Settings
from service.workers import ray_pools


async def _serve(settings: Settings) -> None:
    with open_store(settings.database_url) as store:
        controller = Controller(store, settings.registry(), ray_pools(settings))
        task = asyncio.ensure_future(controller.serve(studies_at_once=settings.studies_at_once))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(Settings()))
