"""The composition root of the API process: store, use-cases, routers, and the controller as a supervised child."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service.api import problems
from service.api.routers import events, results, rollouts, studies, system
from service.db import open_store
from service.settings import Settings
from service.studies import Studies
from service.supervisor import Supervisor
from service.workers.waiting_room import this_machine
from unhobble import __version__


def create_app(settings: Settings, *, with_controller: bool = True) -> FastAPI:
    """The service over ``settings``. ``with_controller=False`` serves the API alone, beside a controller started elsewhere.

    Raises ``BadInput`` where the parameters of sandboxes are wrong.
    """
    registry = settings.registry()
    room = this_machine() if with_controller and settings.ray_address is None else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_store(settings.database_url) as store:
            app.state.studies = Studies(store, registry, room)
            if not with_controller:
                yield
                return
            async with Supervisor(settings):
                yield

    app = FastAPI(
        title="Unhobble",
        version=__version__,
        description="Searches prompts, tool formats and agent scaffolds for the configuration that elicits the most from a model.",
        lifespan=lifespan,
    )
    problems.install(app)
    for router in (studies.router, rollouts.router, events.router, results.router, system.router):
        app.include_router(router)
    return app
