"""Opening databases."""

import os

import pytest
from sqlalchemy import make_url

from service.db import open_engine, upgrade
from unhobble.errors import BadInput


@pytest.mark.parametrize(
    "url",
    [
        "",
        "studies.db",
        "mysql://host/studies",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite+aiosqlite:///a.db",
        "postgresql+asyncpg://h/d",
    ],
)
def test_a_url_that_we_do_not_support_is_refused_with_those_that_we_do(url):
    with pytest.raises(BadInput, match="sqlite:///path and postgresql://"):
        open_engine(url)


def test_a_password_is_not_repeated():
    with pytest.raises(BadInput) as caught:
        open_engine("mysql://me:hunter2@host/studies")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg(scheme):
    engine = open_engine(f"{scheme}://me@127.0.0.1:1/studies")
    assert engine.url.drivername == "postgresql+psycopg"
    engine.dispose()


def test_sqlite_keeps_what_it_acknowledged_and_makes_its_folder(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/new/folder/studies.db")
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.postgres
def test_a_stopped_controller_does_not_keep_a_study_locked_in_postgresql():
    server = os.environ.get("UNHOBBLE_TEST_POSTGRES_URL")
    if not server:
        pytest.fail("UNHOBBLE_TEST_POSTGRES_URL is not set; scripts/with-services starts a server and sets it", pytrace=False)
    engine = open_engine(make_url(server).render_as_string(hide_password=False))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "1min"
    engine.dispose()


def test_a_database_of_a_later_version_is_left_alone(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/studies.db")
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BadInput, match=r"9999.*version that made it"):
        upgrade(engine)
    engine.dispose()
