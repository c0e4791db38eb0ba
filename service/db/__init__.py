"""The truth about studies, in SQLite or PostgreSQL. No other package imports SQLAlchemy or Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.db.engine import open_engine, upgrade
from service.db.store import SqlStudyStore

__all__ = ["SqlStudyStore", "open_engine", "open_store", "upgrade"]


@contextmanager
def open_store(url: str) -> Iterator[SqlStudyStore]:
    """The store at ``url``, its schema brought up to date; connections are closed at the end."""
    engine = open_engine(url)
    try:
        upgrade(engine)
        yield SqlStudyStore(engine)
    finally:
        engine.dispose()
