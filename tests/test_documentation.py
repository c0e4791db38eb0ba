"""The documents name what there is."""

import re
from pathlib import Path

import pytest

from search_spaces.space import presets
from service.settings import Settings
from unhobble.models.organism.traits import organism_names
from unhobble.registry import installed
from unhobble.spec import StudySpec
from unhobble.vocabulary import PluginKind

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name):
    assert f"`UNHOBBLE_{name.upper()}`" in text("docs/settings.md")


@pytest.mark.parametrize("candidate", [*(i for kind in PluginKind for i in installed().ids(kind)), *presets(), *organism_names()])
def test_every_candidate_that_is_shipped_is_in_the_readme(candidate):
    assert f"`{candidate}`" in text("README.md")


@pytest.mark.parametrize("name", sorted(StudySpec.model_fields))
def test_every_key_of_a_study_is_explained(name):
    assert f"`{name}" in text("docs/studies.md")


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_link_and_every_named_file_leads_somewhere(page):
    linked = re.findall(r"\]\(([^)#]+)\)", text(page))
    named = re.findall(r"`((?:tests|unhobble|service|search_spaces|sandboxes|docs)/[\w/.-]+)`", text(page))
    targets = [target for target in linked if not target.startswith("http")] + named
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_space_in_the_documents_is_a_space():
    import yaml

    from search_spaces.space import Space

    block = next(b for b in re.findall(r"```yaml\n(.*?)```", text("docs/studies.md"), re.DOTALL))
    assert Space.load(yaml.safe_load(block)["space"], installed()).size() == 2 * 2 * 2 * (1 + 3) * 5 * 2
