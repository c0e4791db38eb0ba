"""The command line in this process, with a home of its own and a database with a finished study."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from service.cli import run as run_command_line
from service.commands import terminal
from service.db import open_store
from tests.playing import EVERYDAY
from tests.service.search.test_loop import RulePool, is_xml
from tests.service.search.test_loop import run as run_study
from unhobble.registry import installed
from unhobble.spec import StudySpec
from unhobble.vocabulary import PluginKind

STUDY = {
    "name": "a study",
    "model": {"id": "organism/compliant"},
    "suite": {"id": "builtin/shell", "tasks": list(EVERYDAY)},
    "space": "tool-formats",
    "budget": {"rollouts": 120},
    "search": {"strategy": "random", "concurrency": 4},
    "sandbox": {"backend": "bubblewrap"},
}


@dataclass(frozen=True)
class Said:
    """What a command line said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Both streams, with every run of white space made one blank: lines are wrapped to the terminal's width."""
        return " ".join((self.out + " " + self.err).split())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("UNHOBBLE_SERVER", "UNHOBBLE_DATABASE_URL", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    terminal._console.cache_clear()
    yield tmp_path
    terminal._console.cache_clear()


@pytest.fixture
def unhobble(capsys):
    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run_command_line([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def store(home):
    """The store that the commands use where they are told of no other."""
    with open_store(f"sqlite:///{home / 'unhobble' / 'unhobble.db'}") as opened:
        yield opened


@pytest.fixture
def queued(store) -> str:
    return store.create_study(StudySpec.model_validate(STUDY)).id


@pytest.fixture
def completed(store) -> str:
    study = store.create_study(StudySpec.model_validate(STUDY | {"name": "done"})).id
    asyncio.run(run_study(store, study, RulePool(is_xml)))
    return study


@pytest.fixture
def bubblewrap() -> str:
    """The name of the backend, where it works."""
    provider = installed().build(PluginKind.sandbox, "bubblewrap")
    found = asyncio.run(provider.check())
    asyncio.run(provider.close())
    if not found.available:
        pytest.fail(f"bubblewrap does not work here: {found.reason}")
    return "bubblewrap"
