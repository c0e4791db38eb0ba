"""The suites that come with Unhobble: one folder each."""

from collections.abc import Iterator
from pathlib import Path

from unhobble.messages import Frozen
from unhobble.tasks.folder import FolderSuite


class FolderSuitePlugin:
    """A built-in suite as a plug-in without parameters."""

    class Config(Frozen):
        """No parameters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.id = f"builtin/{folder.name}"
        self.__doc__ = f"Built-in suite of tasks in {folder.name}."

    def build(self, config: Frozen) -> FolderSuite:
        """Read the suite from its folder."""
        return FolderSuite(self.id, self._folder)


def plugins() -> Iterator[tuple[str, FolderSuitePlugin]]:
    """Every folder here that has a suite.yaml."""
    for path in sorted(Path(__file__).parent.glob("*/suite.yaml")):
        plugin = FolderSuitePlugin(path.parent)
        yield plugin.id, plugin
