"""Reads the documents that a person names on the command line."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from service.exports import BestConfiguration


def read_text(path: Path) -> str:
    """The text of a file; ``-`` is standard input. Raises ``BadInput`` where it cannot be read."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput([Issue("", f"{path} is not UTF-8 text (byte {error.start})")]) from None
    except OSError as error:
        raise BadInput([Issue("", f"{path} cannot be read: {error.strerror or error}")]) from None


def parse_document(text: str, name: str) -> Any:
    """YAML or JSON as a plain value. Raises ``BadInput`` with the line and the column (from 1) where it cannot be read."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = ", ".join(filter(None, [error.context, error.problem])) or "it is not well-formed"
        raise BadInput([Issue("", f"{name} is neither YAML nor JSON: {said}{place}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput([Issue("", f"{name} is neither YAML nor JSON: {said}")]) from None


def read_document(path: Path) -> Any:
    """``parse_document`` of a file."""
    return parse_document(read_text(path), str(path))


def read_space(name: str) -> str | dict[str, Any]:
    """The space of a file, or ``name`` itself where there is none: a preset, or a name that whoever loads it will refuse."""
    from search_spaces.space import presets

    if name in presets() or not Path(name).exists():
        return name
    document = read_document(Path(name))
    if not isinstance(document, dict):
        raise BadInput([Issue("--space", f"{name} must hold a space, which is a mapping, not {document!r:.100}")])
    return document


def read_export(path: Path) -> "BestConfiguration":
    """What ``unhobble export`` wrote. Raises ``BadInput`` with every issue."""
    from service.exports import BestConfiguration

    text = read_text(path)
    parse_document(text, str(path))  # what cannot be read is said here, with its line
    return BestConfiguration.read(text)
