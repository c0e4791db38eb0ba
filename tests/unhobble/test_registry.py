import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from pydantic import BaseModel, Field

from unhobble import registry as module
from unhobble.errors import BadInput, NotFound
from unhobble.messages import Frozen
from unhobble.registry import Registry, installed
from unhobble.vocabulary import PluginKind


class Config(Frozen):
    size: int = Field(1, ge=1)


def third_party(name: str, **attributes) -> ModuleType:
    plugin = ModuleType(name, "A plug-in of a third party.\n\nMore about it.")
    vars(plugin).update({"Config": Config, "build": lambda config, *rest: (config.size, *rest)} | attributes)
    sys.modules[name] = plugin
    return plugin


@pytest.fixture
def offered(monkeypatch):
    """Adds entry points to those that are installed."""
    added: list[EntryPoint] = []
    real = module.entry_points
    monkeypatch.setattr(module, "entry_points", lambda group: [*real(group=group), *(e for e in added if e.group == group)])

    def offer(name: str, target: str, kind: PluginKind = PluginKind.scaffold) -> None:
        added.append(EntryPoint(name, target, f"unhobble.{kind.value}"))

    return offer


def test_a_third_party_s_entry_point_is_a_plug_in_like_any_other(offered):
    third_party("third_party_loop")
    offered("spiral", "third_party_loop")
    registry = Registry()
    assert "spiral" in registry.ids(PluginKind.scaffold)
    assert registry.get(PluginKind.scaffold, "spiral").summary == "A plug-in of a third party."
    assert registry.build(PluginKind.scaffold, "spiral", {"size": 3}, "more") == (3, "more")


def test_two_plug_ins_of_one_name_are_refused(offered):
    third_party("third_party_loop")
    offered("react", "third_party_loop")
    with pytest.raises(BadInput, match="two plug-ins are called 'react'"):
        Registry().ids(PluginKind.scaffold)


@pytest.mark.parametrize("missing", ["Config", "build"])
def test_a_plug_in_without_its_two_parts_is_refused(offered, missing):
    plugin = third_party("third_party_half")
    delattr(plugin, missing)
    offered("half", "third_party_half")
    with pytest.raises(BadInput, match=f"'half' has no {missing}"):
        Registry().ids(PluginKind.scaffold)


def test_an_unknown_plug_in_is_answered_with_those_that_there_are():
    with pytest.raises(NotFound, match=r"no tool format 'morse'; there are .*native.*xml_tags"):
        installed().get(PluginKind.tool_format, "morse")


def test_parameters_outside_the_schema_are_refused_with_their_path():
    with pytest.raises(BadInput, match=r"scaffold best_of_n\.attempts: .*not 0"):
        installed().build(PluginKind.scaffold, "best_of_n", {"attempts": 0})


@pytest.mark.parametrize("kind", list(PluginKind))
def test_every_installed_plug_in_says_what_it_is_and_describes_every_parameter(kind):
    plugins = installed().all(kind)
    assert plugins
    for plugin in plugins:
        assert plugin.summary, plugin.id
        assert issubclass(plugin.config, BaseModel)
        assert plugin.config.model_config.get("extra") == "forbid", plugin.id
        assert plugin.config.model_config.get("frozen") is True, plugin.id
        for name, field in plugin.config.model_fields.items():
            assert field.description, f"{plugin.id}.{name}"


def test_the_operator_s_parameters_lie_under_what_a_plug_in_is_built_with(offered):
    third_party("third_party_box")
    offered("box", "third_party_box", PluginKind.sandbox)
    registry = Registry().configured(PluginKind.sandbox, {"box": {"size": 5}}, at="SETTING")
    assert registry.build(PluginKind.sandbox, "box") == (5,)
    assert registry.build(PluginKind.sandbox, "box", {"size": 2}) == (2,)
    assert Registry().build(PluginKind.sandbox, "box") == (1,)


def test_the_operator_s_parameters_are_checked_all_at_once_with_their_paths(offered):
    third_party("third_party_box")
    offered("box", "third_party_box", PluginKind.sandbox)
    with pytest.raises(BadInput) as caught:
        Registry().configured(PluginKind.sandbox, {"box": {"size": 0, "colour": "red"}, "crate": {}}, at="SETTING")
    assert {issue.path for issue in caught.value.issues} == {"SETTING.box.size", "SETTING.box.colour", "SETTING.crate"}
