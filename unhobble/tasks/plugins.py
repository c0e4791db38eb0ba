"""Suites that are data, as plug-ins: folders with a ``suite.yaml`` and files of questions, shipped or in a folder of one's own."""

from collections.abc import Iterator
from pathlib import Path

from unhobble.errors import NotFound
from unhobble.messages import Frozen
from unhobble.protocols import TaskSuite
from unhobble.tasks.folder import FolderSuite
from unhobble.tasks.questions import QuestionSuite

QUESTIONS_SUFFIX = ".jsonl"


class DataSuitePlugin:
    """A suite that is data, as a plug-in without parameters. It is read when it is built."""

    class Config(Frozen):
        """No parameters."""

    def __init__(self, suite_id: str, path: Path) -> None:
        self.id = suite_id
        self._path = path
        self.__doc__ = f"Suite of tasks in {path.name}."

    def build(self, config: Frozen) -> TaskSuite:  # noqa: ARG002 - every plug-in is given its parameters
        """Read the suite. Raises ``BadInput`` where it does not follow its format."""
        if self._path.suffix == QUESTIONS_SUFFIX:
            return QuestionSuite(self.id, self._path)
        return FolderSuite(self.id, self._path)


def suites_below(folder: Path, prefix: str = "") -> Iterator[tuple[str, DataSuitePlugin]]:
    """Every folder with a ``suite.yaml`` and every ``.jsonl`` directly in ``folder``, under ``prefix`` and its name.

    Names that begin with ``_`` are none.
    """
    for path in sorted([*folder.glob(f"[!_]*{QUESTIONS_SUFFIX}"), *(file.parent for file in folder.glob("[!_]*/suite.yaml"))]):
        plugin = DataSuitePlugin(prefix + path.stem, path)
        yield plugin.id, plugin


def suite_at(path: Path) -> TaskSuite:
    """The suite in a folder or a file of questions, under its name. Raises ``NotFound`` or ``BadInput``."""
    if not (path.is_file() if path.suffix == QUESTIONS_SUFFIX else (path / "suite.yaml").is_file()):
        raise NotFound(f"{path} is neither a folder with a suite.yaml nor a file of questions (.jsonl)")
    return DataSuitePlugin(path.resolve().stem, path).build(DataSuitePlugin.Config())
