"""What every prompt must do, whoever wrote it."""

import itertools

import pytest

from unhobble.messages import ModelAnswer, NativeCall, Usage
from unhobble.protocols import Prompt, ToolFormat
from unhobble.registry import installed
from unhobble.tools import TOOLS
from unhobble.vocabulary import PluginKind

PROMPTS = [
    (plugin.id, parameters)
    for plugin in installed().all(PluginKind.prompt)
    for parameters in ({}, *({name: True} for name, field in plugin.config.model_fields.items() if field.annotation is bool))
]
INSTRUCTION = "Count the lines of /work/ünïcode.txt.\n\nWrite `{n}` to <answer>."


@pytest.fixture(params=PROMPTS, ids=lambda given: "-".join([given[0], *given[1]]))
def prompt(request) -> Prompt:
    plugin_id, parameters = request.param
    return installed().build(PluginKind.prompt, plugin_id, parameters)


@pytest.fixture(params=installed().ids(PluginKind.tool_format))
def tool_format(request) -> ToolFormat:
    return installed().build(PluginKind.tool_format, request.param)


def test_a_conversation_opens_with_one_system_message_that_holds_the_formats_instructions(prompt, tool_format) -> None:
    messages = prompt.open(INSTRUCTION, TOOLS, tool_format)
    assert [message.role for message in messages].count("system") == 1
    assert messages[0].role == "system"
    assert tool_format.instructions(TOOLS) in messages[0].content


def test_a_conversation_opens_with_the_task_word_for_word_in_its_last_message(prompt, tool_format) -> None:
    messages = prompt.open(INSTRUCTION, TOOLS, tool_format)
    assert messages[-1].role == "user"
    assert INSTRUCTION in messages[-1].content
    assert not any(INSTRUCTION in message.content for message in messages[:-1])


def test_the_roles_of_user_and_assistant_alternate(prompt, tool_format) -> None:
    roles = [message.role for message in prompt.open(INSTRUCTION, TOOLS, tool_format)]
    assert all((first, second) != (role, role) for role in ("user", "assistant") for first, second in itertools.pairwise(roles))


def test_every_call_of_an_example_is_readable_and_answered(prompt, tool_format) -> None:
    messages = prompt.open(INSTRUCTION, TOOLS, tool_format)
    for message, after in itertools.pairwise(messages):
        if message.role == "assistant":
            shown = ModelAnswer(
                content=message.content, tool_calls=message.tool_calls, finish_reason="stop", usage=Usage(), cost_usd=0, model="m"
            )
            assert tool_format.parse(shown, TOOLS).calls
            assert after.tool_call_id == (message.tool_calls[0].id if message.tool_calls else None)


def test_opening_twice_gives_the_same_words(prompt, tool_format) -> None:
    assert prompt.open(INSTRUCTION, TOOLS, tool_format) == prompt.open(INSTRUCTION, TOOLS, tool_format)


def test_native_calls_are_only_written_for_a_native_format(prompt, tool_format) -> None:
    calls: list[NativeCall] = [c for message in prompt.open(INSTRUCTION, TOOLS, tool_format) for c in message.tool_calls]
    assert tool_format.native or not calls
