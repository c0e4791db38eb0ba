"""The operator's settings, from environment variables that start with ``UNHOBBLE_``. Users' settings are in the study's spec."""

import os
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def data_directory() -> Path:
    """Where databases are kept that nobody named: below ``XDG_DATA_HOME``, as the XDG base directory specification has it."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "unhobble"


def _default_database() -> str:
    return f"sqlite:///{data_directory() / 'unhobble.db'}"


class Settings(BaseSettings):
    """All settings of the service; each has a default that works on one machine."""

    model_config = SettingsConfigDict(env_prefix="UNHOBBLE_", extra="ignore")

    database_url: str = Field(
        default_factory=_default_database, description="SQLAlchemy URL: sqlite:///PATH or postgresql+psycopg://..."
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8642, ge=0, le=65_535, description="Port that the API listens on; 0 takes a free one.")
    ray_address: str | None = Field(None, description="Address of a Ray cluster; a local Ray is started where it is not set.")
    workers: int = Field(default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, description="Worker processes for one study.")
    studies_at_once: int = Field(2, ge=1, description="Studies that one controller runs at the same time.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        return url
