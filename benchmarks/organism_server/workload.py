"""The requests that are sent: those of rollouts, whose conversation grows by a call and its outcome with each of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from unhobble.configuration import Configuration
from unhobble.context import Parts
from unhobble.messages import Message, ModelRequest, ToolCall, ToolOutcome
from unhobble.models.litellm_wire import wire_request
from unhobble.protocols import Task
from unhobble.registry import installed
from unhobble.tools import BASH, SUBMIT
from unhobble.vocabulary import PluginKind

FORMATS = ("native", "xml_tags", "json_fence", "react_text")
TURNS = 10
_OUTPUT = "-rw-r--r-- 1 agent agent   4096 Jan  1 12:00 data/part-0001.csv\n" * 8


@dataclass(frozen=True)
class Body:
    """The body of one request, and how many messages its conversation has."""

    content: bytes
    messages: int


def bodies(model: str, tasks: int) -> list[Body]:
    """The requests of one rollout of each of so many built-in tasks in each of ``FORMATS``, in the order of the rollouts."""
    known = installed().build(PluginKind.suite, "builtin/shell").tasks[:tasks]
    return [_body(model, request) for task in known for tool_format in FORMATS for request in _rollout(task, tool_format)]


def _rollout(task: Task, tool_format: str) -> Iterator[ModelRequest]:
    parts = Parts.of(Configuration({"prompt": "plain", "tool_format": tool_format, "scaffold": "react"}), installed())
    tools = (BASH, SUBMIT)
    messages = parts.prompt.open(task.instruction, tools, parts.tool_format)
    for turn in range(TURNS):
        yield ModelRequest(messages=tuple(messages), tools=parts.tool_format.present(tools), stop=parts.tool_format.stop, seed=1)
        command = task.reference_steps[turn] if turn < len(task.reference_steps) else f"ls -l | head -{turn}"
        messages += _turn(parts, ToolCall(id=f"call_{turn + 1}", name=BASH.name, arguments={"command": command}))


def _turn(parts: Parts, call: ToolCall) -> tuple[Message, Message]:
    outcome = ToolOutcome(text=_OUTPUT)
    return parts.tool_format.write_call(call, "Let me look."), parts.tool_format.write_outcome(call, outcome)


def _body(model: str, request: ModelRequest) -> Body:
    return Body(json.dumps({"model": model} | wire_request(request, seed=True)).encode(), len(request.messages))
