"""The truth about studies, in SQLite or PostgreSQL. No other package imports SQLAlchemy or Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from service.db.engine import open_engine, upgrade
from service.db.store import SqlStudyStore
from unhobble.errors import BadInput, Issue

__all__ = ["SqlStudyStore", "open_engine", "open_store", "upgrade"]


@contextmanager
def open_store(url: str) -> Iterator[SqlStudyStore]:
    """The store at ``url``, its schema brought up to date; connections are closed at the end.

    Raises ``BadInput`` where there is no database, or none that can be written to.
    """
    try:
        engine = open_engine(url)
    except OSError as error:
        raise _unusable(error) from error
    try:
        try:
            upgrade(engine)
        except DBAPIError as error:
            raise _unusable(error.orig) from error
        yield SqlStudyStore(engine)
    finally:
        engine.dispose()


def _unusable(error: BaseException | None) -> BadInput:
    return BadInput([Issue("database", f"cannot be used: {error}; is it there, and may it be written to?")])
