"""The operator's settings, from environment variables that start with ``UNHOBBLE_``. Users' settings are in the study's spec."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from unhobble.registry import Registry, installed
from unhobble.vocabulary import PluginKind


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
    sandboxes: Annotated[dict[str, dict[str, Any]], NoDecode] = Field(
        default_factory=dict, description='Parameters of sandbox backends, as JSON: {"docker": {"runtime": "runsc"}}.'
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("sandboxes", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f'must be JSON such as {{"docker": {{"runtime": "runsc"}}}} ({error})') from None

    def registry(self) -> Registry:
        """The installed plug-ins, sandboxes with the operator's parameters. Raises ``BadInput`` with all that is wrong there."""
        if not self.sandboxes:
            return installed()  # no backend is imported for nothing
        return installed().configured(PluginKind.sandbox, self.sandboxes, at="UNHOBBLE_SANDBOXES")

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for a process that shall have the same."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {f"UNHOBBLE_{name.upper()}": v if isinstance(v, str) else json.dumps(v) for name, v in values.items()}
