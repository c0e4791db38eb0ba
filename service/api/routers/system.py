"""The catalog of what is installed, and the health of the service."""

from typing import Any

from fastapi import APIRouter

from service.api.dependencies import StudiesDep
from service.api.schemas import Health
from unhobble import __version__

router = APIRouter(tags=["system"])


@router.get("/v1/catalog")
def catalog(studies: StudiesDep) -> dict[str, list[dict[str, Any]]]:
    """Scaffolds, tool formats, prompts, sandboxes, suites and strategies, with the JSON Schemas of their parameters; presets."""
    return studies.catalog()


@router.get("/healthz")
def healthz() -> Health:
    """The process is alive."""
    return Health(status="ok", version=__version__, database="not asked")


@router.get("/readyz")
def readyz(studies: StudiesDep) -> Health:
    """The process is alive and its database answers."""
    studies.store.studies(limit=1)
    return Health(status="ok", version=__version__, database="ok")
