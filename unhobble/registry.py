"""Finds plug-ins. Adding one is adding a file (or, for a third party, an entry point); nothing else is edited.

A plug-in is a module, or any object, with a frozen pydantic class ``Config`` (unknown fields refused) and a function
``build(config, ...)``. It is found through the entry-point groups ``unhobble.scaffolds``, ``unhobble.tool_formats``, ... (the
values of ``PluginKind``). An entry that leads to a package stands for all of its modules, each under the stem of its file (a stem
that starts with ``_`` is not a plug-in); a package whose candidates are data files offers them by a function ``plugins()``
that yields ``(id, plug-in)``. Any other entry is one plug-in under the entry's own name.

Without a package: ``UNHOBBLE_PLUGINS`` names folders (with ``:`` between them, as in PATH) that hold ``scaffolds/``,
``prompts/``, ... with files of the same kinds as the built-in ones (data files are read by ``plugins_in(folder)`` of the
package that has such candidates; where a file in one folder may add to the candidates of another, by its
``plugins_from(folders)``, which yields the package's own candidates and those of all folders).

Each plug-in has a ``digest`` of what it is made of: other words, other code, another candidate.
"""

import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from unhobble.errors import BadInput, Issue, NotFound
from unhobble.vocabulary import PluginKind

PLUGINS_VARIABLE = "UNHOBBLE_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """One candidate: its id, the schema of its parameters, what it says of itself, how it is built, and what it is made of.

    ``digest`` is the first 16 hexadecimal digits of a SHA-256 of its content: the data of a data file, else the source of its
    module and of the modules beside it that are shared (those whose names start with ``_``). Where a candidate's parameters
    decide what of it is used, it may offer ``digest_of(parameters)``: the same of what is used under these.
    """

    kind: PluginKind
    id: str
    config: type[BaseModel]
    build: Callable[..., Any]
    summary: str
    digest: str
    digest_of: Callable[[Mapping[str, Any]], str] | None = None

    def digest_under(self, parameters: Mapping[str, Any]) -> str:
        """The digest of what is used of the candidate under ``parameters``; all of it where it does not tell them apart."""
        return self.digest if self.digest_of is None else self.digest_of(parameters)


Parameters = Mapping[str, Mapping[str, Any]]
"""Parameters of plug-ins of one kind, by the plug-in's id."""


class Registry:
    """The plug-ins that are installed, by kind and id. Read-only after it was loaded; safe to share between threads.

    ``folders`` hold more of them, as ``UNHOBBLE_PLUGINS`` does.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._by_kind: dict[PluginKind, dict[str, Plugin]] = {}
        self._operators: dict[PluginKind, Parameters] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that hold more plug-ins than are installed."""
        return self._folders

    def configured(self, kind: PluginKind, parameters: Parameters, *, at: str) -> "Registry":
        """The same plug-ins, those of ``kind`` built with the operator's ``parameters`` under what ``build`` is given.

        Raises ``BadInput`` with all that is wrong with them; its paths start at ``at``.
        """
        issues: list[Issue] = []
        for plugin_id, values in parameters.items():
            try:
                self.get(kind, plugin_id).config.model_validate(values)
            except NotFound as error:
                issues.append(Issue(f"{at}.{plugin_id}", str(error)))
            except ValidationError as error:
                issues += validation_issues(error, f"{at}.{plugin_id}")
        if issues:
            raise BadInput(issues)
        registry = Registry(self._folders)
        registry._by_kind = self._by_kind
        registry._operators = self._operators | {kind: parameters}
        return registry

    def ids(self, kind: PluginKind) -> list[str]:
        """Every id of a kind, sorted."""
        return sorted(self._load(kind))

    def all(self, kind: PluginKind) -> list[Plugin]:
        """Every plug-in of a kind, by id."""
        return [self._load(kind)[plugin_id] for plugin_id in self.ids(kind)]

    def get(self, kind: PluginKind, plugin_id: str) -> Plugin:
        """The plug-in; raises ``NotFound`` with the ids that there are."""
        try:
            return self._load(kind)[plugin_id]
        except KeyError:
            raise NotFound(f"no {_noun(kind)} {plugin_id!r}; there are {', '.join(self.ids(kind))}") from None

    def build(self, kind: PluginKind, plugin_id: str, params: dict[str, Any] | None = None, *args: Any) -> Any:
        """Build a plug-in from its parameters and the operator's. Raises ``NotFound`` or ``BadInput``."""
        plugin = self.get(kind, plugin_id)
        try:
            config = plugin.config.model_validate({**self._operators.get(kind, {}).get(plugin_id, {}), **(params or {})})
        except ValidationError as error:
            raise BadInput(validation_issues(error, f"{_noun(kind)} {plugin_id}")) from None
        return plugin.build(config, *args)

    def _load(self, kind: PluginKind) -> dict[str, Plugin]:
        if kind not in self._by_kind:
            found: dict[str, Plugin] = {}
            for plugin_id, target in self._targets(kind):
                if plugin_id in found:
                    raise BadInput([Issue(f"unhobble.{kind.value}", f"two plug-ins are called {plugin_id!r}")])
                found[plugin_id] = _plugin(kind, plugin_id, target)
            self._by_kind[kind] = found
        return self._by_kind[kind]

    def _targets(self, kind: PluginKind) -> Iterator[tuple[str, Any]]:
        """Every plug-in of a kind, installed or in a folder."""
        folders = [folder / kind.value for folder in self._folders if (folder / kind.value).is_dir()]
        for entry in entry_points(group=f"unhobble.{kind.value}"):
            target = entry.load()
            if hasattr(target, "plugins_from"):
                yield from target.plugins_from(folders)
                continue
            yield from _expand(entry.name, target)
            if hasattr(target, "plugins_in"):
                for folder in folders:
                    yield from target.plugins_in(folder)
        for folder in folders:
            for file in sorted(folder.glob("[!_]*.py")):
                yield file.stem, _module(file)


@cache
def installed() -> Registry:
    """The registry of this process. Raises ``BadInput`` for a folder in ``UNHOBBLE_PLUGINS`` that does not exist."""
    named = [Path(name) for name in os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep) if name]
    if missing := [folder for folder in named if not folder.is_dir()]:
        raise BadInput([Issue(PLUGINS_VARIABLE, f"there is no folder {folder}") for folder in missing])
    return Registry(named)


def validation_issues(error: ValidationError, at: str = "") -> list[Issue]:
    """Pydantic's findings as issues whose paths start at ``at``."""
    issues = []
    for found in error.errors():
        path = ".".join([*filter(None, [at]), *map(str, found["loc"])])
        if found["type"] == "extra_forbidden":
            issues.append(Issue(path, "unknown field"))
        elif found["type"] == "missing":
            issues.append(Issue(path, "is missing"))
        else:
            issues.append(Issue(path, f"{found['msg'].removeprefix('Value error, ')}, not {found['input']!r:.200}"))
    return issues


def _expand(name: str, target: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(target, "plugins"):
        yield from target.plugins()
    elif isinstance(target, ModuleType) and hasattr(target, "__path__"):
        for module in pkgutil.iter_modules(target.__path__):
            if not module.name.startswith("_"):
                yield module.name, importlib.import_module(f"{target.__name__}.{module.name}")
    else:
        yield name, target


def _plugin(kind: PluginKind, plugin_id: str, target: Any) -> Plugin:
    for attribute in ("Config", "build"):
        if not hasattr(target, attribute):
            raise BadInput([Issue(f"unhobble.{kind.value}", f"plug-in {plugin_id!r} has no {attribute}")])
    summary = (target.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return Plugin(kind, plugin_id, target.Config, target.build, summary, _digest(target), getattr(target, "digest_of", None))


def _module(file: Path) -> ModuleType:
    """The module in a file that belongs to no package. Raises ``BadInput`` where it cannot be imported."""
    spec = importlib.util.spec_from_file_location(f"unhobble_plugin_{file.parent.name}_{file.stem}", file)
    assert spec is not None  # there is one for every name that ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic and dataclasses look a class's module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise BadInput([Issue(str(file), f"cannot be imported: {type(error).__name__}: {error}")]) from error
    return module


def _digest(target: Any) -> str:
    total = hashlib.sha256()
    if hasattr(target, "content"):
        total.update(str(target.content).encode())
    else:
        file = Path(inspect.getsourcefile(target.build) or "")
        for part in (file, *sorted(file.parent.glob("_*.py"))):
            total.update(part.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def _noun(kind: PluginKind) -> str:
    irregular = {PluginKind.sandbox: "sandbox", PluginKind.strategy: "strategy", PluginKind.context: "context strategy"}
    return irregular.get(kind, kind.value.removesuffix("s").replace("_", " "))
