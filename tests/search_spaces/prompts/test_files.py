from pathlib import Path

import pytest

from search_spaces.prompts._files import read_prompt
from unhobble import cues
from unhobble.errors import BadInput
from unhobble.registry import installed
from unhobble.tools import TOOLS
from unhobble.vocabulary import PluginKind

SHIPPED = sorted((Path(__file__).parents[3] / "search_spaces" / "prompts").glob("[!_]*.yaml"))


def system_prompt(plugin_id: str) -> str:
    registry = installed()
    native = registry.build(PluginKind.tool_format, "native")
    return registry.build(PluginKind.prompt, plugin_id).open("Do it.", TOOLS, native)[0].content


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_prompt_holds_exactly_the_cues_that_it_claims(path: Path) -> None:
    claimed = read_prompt(path).cues
    for name, sentence in cues.PROMPT_CUES.items():
        assert (sentence in system_prompt(path.stem)) == (name in claimed)


def test_every_cue_is_claimed_by_a_shipped_prompt_and_one_prompt_claims_none() -> None:
    claims = [set(read_prompt(path).cues) for path in SHIPPED]
    assert set().union(*claims) == cues.PROMPT_CUES.keys()
    assert set() in claims


def test_no_cue_is_part_of_another() -> None:
    sentences = [*cues.PROMPT_CUES.values(), cues.PLAN_REQUEST, cues.PLAN_ACCEPTED, cues.RATE_REQUEST]
    assert not any(a in b for a in sentences for b in sentences if a is not b)


def test_a_prompt_that_claims_a_cue_it_lacks_is_refused_with_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sloppy.yaml"
    path.write_text("summary: x\ncues: [verify]\nsystem: Please check everything.\n")
    with pytest.raises(BadInput) as refused:
        read_prompt(path)
    assert cues.VERIFY in str(refused.value)
    assert "prompts/sloppy.yaml" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["summary: x\n", "summary: x\nsystem: y\nsystm: z\n", "summary: x\nsystem: y\ncues: [nonesuch]\n", "{"]
)
def test_a_prompt_file_with_a_mistake_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"prompts/wrong\.yaml"):
        read_prompt(path)


def test_the_task_of_the_worked_example_is_in_no_suite() -> None:
    registry = installed()
    messages = registry.build(PluginKind.prompt, "plain", {"few_shot": True}).open(
        "Do it.", TOOLS, registry.build(PluginKind.tool_format, "native")
    )
    example = messages[1].content
    for plugin in registry.all(PluginKind.suite):
        for task in registry.build(PluginKind.suite, plugin.id).tasks:
            assert task.instruction not in example
            assert "visits.txt" not in task.instruction
