"""The suites that come with Unhobble: a folder or a file of questions each. Beside it stands what a check found of it."""

from collections.abc import Iterator
from pathlib import Path

from unhobble.tasks.plugins import DataSuitePlugin, suites_below


def plugins() -> Iterator[tuple[str, DataSuitePlugin]]:
    """Every suite here."""
    return suites_below(Path(__file__).parent, "builtin/")


def plugins_in(folder: Path) -> Iterator[tuple[str, DataSuitePlugin]]:
    """Every suite in a folder ``suites/`` of a user's own candidates."""
    return suites_below(folder)
