"""What lenient reading mends, how it counts, and that strict reading refuses the same."""

import pytest

from search_spaces.tool_formats.xml_tags import Config, XmlTags
from unhobble.messages import FormatProblemCode, ModelAnswer, NativeCall, Usage
from unhobble.protocols import ToolFormat
from unhobble.registry import installed
from unhobble.tools import TOOLS
from unhobble.vocabulary import PluginKind

LS = {"command": "ls -l"}


def build(plugin_id: str, *, strict: bool) -> ToolFormat:
    return installed().build(PluginKind.tool_format, plugin_id, {"strict": strict})


def answer(content: str, *calls: NativeCall) -> ModelAnswer:
    return ModelAnswer(content=content, tool_calls=calls, finish_reason="stop", usage=Usage(), cost_usd=0.0, model="m")


MENDED = [
    # JSON as models write it; the slips are the same in every format that holds JSON
    ("react_text", 'Action: bash\nAction Input: {"command": "ls -l",}', 1),
    ("react_text", "Action: bash\nAction Input: {'command': 'ls -l'}", 2),
    ("react_text", 'Action: bash\nAction Input: {"command": "ls -l"', 1),
    ("react_text", 'Action: bash\nAction Input: {"command": "ls -l"} and then I wait', 1),
    ("react_text", "Action: bash\nAction Input: ls -l", 1),
    ("react_text", 'Action: bash\nAction Input: "ls -l"', 1),
    ("react_text", 'Action: bash\nAction Input: ```json\n{"command": "ls -l"}\n```', 1),
    ("react_text", '**Action:** bash\nAction Input: {"command": "ls -l"}', 1),
    ("react_text", 'action: bash\naction input: {"command": "ls -l"}', 2),
    ("react_text", 'Action: `bash`\nAction Input: {"command": "ls -l"}', 1),
    ("react_text", 'Action: bash {"command": "ls -l"}', 1),
    ("json_fence", '```json\n{"tool": "bash", "arguments": {"command": "ls -l"}}', 1),
    ("json_fence", '```\n{"tool": "bash", "arguments": {"command": "ls -l"}}\n```', 1),
    ("json_fence", '```json {"tool": "bash", "arguments": {"command": "ls -l"}} ```', 1),
    ("json_fence", '{"tool": "bash", "arguments": {"command": "ls -l"}}', 1),
    ("json_fence", 'So:\n{"tool": "bash", "arguments": {"command": "ls -l"}}\nThat is all.', 2),
    ("json_fence", '```json\n{"name": "bash", "arguments": {"command": "ls -l"}}\n```', 1),
    ("json_fence", '```json\n{"tool": "bash", "command": "ls -l"}\n```', 1),
    ("json_fence", '```json\n{"tool": "bash", "arguments": "ls -l"}\n```', 1),
    ("json_fence", "```json\n{'tool': 'bash', 'arguments': {'command': 'ls -l'}}\n```", 5),
    ("xml_tags", '<tool name="bash"><command>ls -l</command>', 1),
    ("xml_tags", '<tool name="bash"><command>ls -l</command>\nThen I wait.', 1),
    ("xml_tags", '<tool name="bash"><command>ls -l</tool>', 1),
    ("xml_tags", '<tool name="bash"><command>\nls -l', 2),
    ("xml_tags", '<tool name="bash">ls -l</tool>', 1),
    ("xml_tags", "<tool name='bash'><command>ls -l</command></tool>", 1),
    ("xml_tags", "<tool name=bash><command>ls -l</command></tool>", 1),
]


@pytest.mark.parametrize(("plugin_id", "content", "repairs"), MENDED)
def test_lenient_reading_mends_and_counts_common_slips(plugin_id: str, content: str, repairs: int) -> None:
    parsed = build(plugin_id, strict=False).parse(answer(content), TOOLS)
    assert [(call.name, call.arguments) for call in parsed.calls] == [("bash", LS)]
    assert parsed.repairs == repairs


@pytest.mark.parametrize(("plugin_id", "content", "_repairs"), MENDED)
def test_strict_reading_refuses_what_lenient_reading_mends(plugin_id: str, content: str, _repairs: int) -> None:
    parsed = build(plugin_id, strict=True).parse(answer(content), TOOLS)
    assert parsed.calls == ()
    assert parsed.problem is not None


@pytest.mark.parametrize(
    ("arguments", "repairs"),
    [('{"command": "ls -l",}', 1), ("{'command': 'ls -l'}", 2), ("ls -l", 1), ('"ls -l"', 1), ('{"command": "ls -l"', 1)],
)
def test_native_arguments_are_mended_alike(arguments: str, repairs: int) -> None:
    given = answer("", NativeCall(id="x", name="bash", arguments=arguments))
    parsed = build("native", strict=False).parse(given, TOOLS)
    assert [(call.id, call.arguments) for call in parsed.calls] == [("x", LS)]
    assert parsed.repairs == repairs
    refused = build("native", strict=True).parse(given, TOOLS)
    assert refused.problem is not None
    assert refused.problem.call_id == "x"


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("plugin_id", "content", "code", "said"),
    [
        ("json_fence", '```json\n{"tool": "bash", "arguments": {"command": "ls', FormatProblemCode.bad_syntax, "closed"),
        (
            "json_fence",
            '```json\n{"tool": "bash", "arguments": {"command": "say "hi""}}\n```',
            FormatProblemCode.bad_syntax,
            "JSON",
        ),
        ("json_fence", '```json\n{"tool": "bash", "arguments": {"command": NaN}}\n```', FormatProblemCode.bad_syntax, "NaN"),
        ("json_fence", '```json\n{"tool": "bash", "arguments": {"command": 1e999}}\n```', FormatProblemCode.bad_syntax, "large"),
        ("json_fence", "```bash\nls\n```", FormatProblemCode.no_call, "no tool call"),
        ("react_text", 'Action: bash\nAction Input: {"command": "ls', FormatProblemCode.bad_syntax, "closed"),
        ("react_text", "Action: bash", FormatProblemCode.bad_syntax, "no Action Input"),
        ("react_text", 'Action Input: {"command": "ls"}', FormatProblemCode.bad_syntax, "without an Action"),
        (
            "react_text",
            'Thought: x\nObservation: y\nAction: bash\nAction Input: {"command": "ls"}',
            FormatProblemCode.no_call,
            "no tool",
        ),
        ("xml_tags", "<tool><command>ls</command></tool>", FormatProblemCode.bad_syntax, "no name"),
        ("xml_tags", '<tool name="bash"><cmd>ls</cmd></tool>', FormatProblemCode.schema_violation, "no such parameter"),
        (
            "xml_tags",
            '<tool name="bash"><command>a</command><command>b</command></tool>',
            FormatProblemCode.schema_violation,
            "twice",
        ),
    ],
)
def test_what_cannot_be_understood_is_a_problem_that_says_why(plugin_id, content, code, said, strict) -> None:
    problem = build(plugin_id, strict=strict).parse(answer(content), TOOLS).problem
    assert problem is not None
    assert problem.code is code
    # json says "Unterminated string", ours says "a string is not closed"
    assert said in problem.message.replace("Unterminated string", "not closed")


def test_an_unclosed_string_is_never_mended_since_it_may_have_been_cut_anywhere() -> None:
    for plugin_id in ("json_fence", "react_text"):
        content = '```json\n{"tool": "bash", "arguments": {"command": "rm -rf build' if plugin_id == "json_fence" else (
            'Action: bash\nAction Input: {"command": "rm -rf build'
        )  # fmt: skip
        assert build(plugin_id, strict=False).parse(answer(content), TOOLS).calls == ()


def test_a_block_of_another_language_may_stand_beside_a_call() -> None:
    content = '```python\nprint("```json")\n```\n\n```json\n{"tool": "bash", "arguments": {"command": "ls -l"}}\n```'
    assert build("json_fence", strict=True).parse(answer(content), TOOLS).calls[0].arguments == LS


def test_literal_text_in_tags_needs_no_escapes() -> None:
    command = 'cat <<EOF > a.xml && grep "</tool>" a.xml | tail -1 2>&1\n<b attr="&lt;">x</b>\nEOF'
    content = f'I write it.\n<tool name="bash">\n<command>\n{command}\n</command>\n</tool>'
    assert build("xml_tags", strict=True).parse(answer(content), TOOLS).calls[0].arguments == {"command": command}


def test_text_that_no_database_stores_is_cleaned_before_a_command_gets_it() -> None:
    """A NUL or a lone surrogate in a command would break the sandbox's exec, and be taken for an infrastructure error."""
    call = NativeCall(id="x", name="bash", arguments='{"command": "a\\u0000b\\ud800c"}')
    assert build("native", strict=True).parse(answer("", call), TOOLS).calls[0].arguments == {"command": "a\ufffdb\ufffdc"}


class Watched(str):
    """A text that counts the characters that ``find`` looks at."""

    __slots__ = ()
    looked_at = 0

    def find(self, sub, start=0, *args) -> int:
        at = super().find(sub, start, *args)
        Watched.looked_at += (len(self) if at < 0 else at + len(sub)) - start
        return at


@pytest.mark.parametrize("unit", ['<tool name="bash"><command>x</tool>', '<tool name="bash"><command>x', '<tool name="bash">x'])
def test_closing_tags_that_are_not_there_are_looked_for_once(unit: str) -> None:
    """``str.find`` is so fast that looking for them in every call would not show in the time, only in the worst case."""
    content = Watched(unit * 500)
    Watched.looked_at = 0
    list(XmlTags(Config(strict=False)).raw_calls(content, TOOLS))
    assert Watched.looked_at < 4 * len(content)
