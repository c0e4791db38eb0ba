"""The documents name what there is."""

import re
from pathlib import Path

import pytest

from search_spaces.space import presets
from service.app import create_app
from service.commands import predicting, studies
from service.settings import Settings
from unhobble.analysis.report import SpaceOutlook
from unhobble.models.organism.traits import organism_names
from unhobble.registry import installed
from unhobble.spec import StudySpec
from unhobble.vocabulary import PluginKind

ROOT = Path(__file__).parent.parent
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


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


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *PAGES])
def test_every_link_and_every_named_file_leads_somewhere(page):
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text(page)) if not target.startswith("http")]
    named = re.findall(r"`((?:tests|unhobble|service|search_spaces|sandboxes|docs)/[\w/.-]+)`", text(page))
    targets = [(ROOT / page).parent / target for target in linked] + [ROOT / target for target in named]
    assert targets or page in PAGES
    assert [str(target) for target in targets if not target.exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_the_documents_is_reached_from_the_readme(page):
    reached, waiting = set(), ["README.md"]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        for target in re.findall(r"\]\(([^)#]+\.md)", text(here)):
            found = ((ROOT / here).parent / target).resolve().relative_to(ROOT.resolve()).as_posix()
            waiting += [found] if found not in reached else []
    assert page in reached


def test_every_request_that_the_service_takes_is_documented():
    paths = create_app(Settings(database_url="sqlite:///never-opened.db"), with_controller=False).openapi()["paths"]
    wanted = [f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods]
    assert [request for request in wanted if request not in text("docs/api.md")] == []


def test_every_command_of_studies_is_documented():
    commands = [command for group in (studies, predicting) for command in group.app.registered_commands]
    names = [command.name or command.callback.__name__ for command in commands]
    assert "predict" in names
    assert [name for name in names if f"`unhobble {name}`" not in text("docs/api.md")] == []


@pytest.mark.parametrize("name", sorted(SpaceOutlook.model_fields))
def test_every_figure_of_the_outlook_is_explained(name):
    left = {"effects_left_out": "effects", "share_left_out": "effects"}.get(name, name)
    assert f"`{left}`" in text("docs/studies.md").partition("## What the model knows")[2]


def test_the_space_in_the_documents_is_a_space():
    import yaml

    from search_spaces.space import Space

    block = next(b for b in re.findall(r"```yaml\n(.*?)```", text("docs/studies.md"), re.DOTALL))
    assert Space.load(yaml.safe_load(block)["space"], installed()).size() == 2 * 2 * 2 * (1 + 3) * 5 * 2
