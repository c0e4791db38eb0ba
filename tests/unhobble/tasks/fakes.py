"""A task and a sandbox in memory, for claims about how tasks are checked."""

import asyncio
from collections.abc import Callable, Sequence

from unhobble.sandboxing import Ending, ExecResult, SandboxFile, SandboxNeeds
from unhobble.transcript import VerdictStep

TIMES = b"0m0.500s 0m0.000s\n0m1.000s 1m0.250s\n"
"""What bash tells at the end of a step: itself took half a second, its children 61.25."""


class FakeSandbox:
    """Remembers the commands that were carried out; what it holds follows from them by the provider's ``files``."""

    def __init__(self, provider) -> None:
        self.commands: list[str] = []
        self.agent_stopped = False
        self.scored = 0
        self.tests: dict[str, bytes] = {}
        self._snapshots: list[list[str]] = []
        self._provider = provider

    async def exec(self, argv, **_):
        await asyncio.sleep(0)
        if argv[-1] not in self._provider.silent:
            self.commands.append(argv[-1])
        # A step may well exit with another code than 0.
        return ExecResult(self._provider.ending, 1 if self._provider.ending is Ending.exited else None, b"out\n", TIMES)

    async def read_directory(self, path, *, max_bytes, max_files):
        if self._provider.too_much:
            raise ValueError("too large")
        held = self.tests if path == "/tests" else self._provider.files(self.commands)
        return [SandboxFile(name, data) for name, data in held.items() if name.startswith(path)]

    async def snapshot(self):
        self._snapshots.append(list(self.commands))
        return str(len(self._snapshots) - 1)

    async def restore(self, snapshot):
        self.commands = list(self._snapshots[int(snapshot)])

    async def stop_agent(self):
        self.agent_stopped = True

    async def close(self):
        self._provider.open_now -= 1


class FakeProvider:
    """Opens such sandboxes and counts them. ``silent`` are commands that leave no trace."""

    def __init__(self, files: Callable[[list[str]], dict[str, bytes]] = lambda commands: {}) -> None:
        self.open_now = self.most_open = 0
        self.labels: list[str] = []
        self.sandboxes: list[FakeSandbox] = []
        self.files = files
        self.silent: Sequence[str] = ()
        self.too_much = False
        self.ending = Ending.exited

    async def open(self, spec, *, label, study=""):
        self.memory_bytes = spec.memory_bytes
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        self.labels.append(label)
        self.sandboxes.append(FakeSandbox(self))
        return self.sandboxes[-1]


def finished(commands: list[str]) -> float:
    """The score of a sound task: its steps were done, whatever was done before or again."""
    return float(commands[-2:] == ["one", "two"])


class FakeTask:
    """Gives the score that ``rule`` makes of the commands."""

    family, human_minutes, instruction = "f", 3.0, "Do it."
    hints, visible = (), None
    reference_steps: tuple[str, ...] = ("one", "two")
    reference_submission = "done"
    needs = SandboxNeeds(memory_bytes=2**31)

    def __init__(self, id_="t", rule=finished, tests: dict[str, bytes] | None = None) -> None:
        self.id = id_
        self.scorer = self
        self.submissions: list[str | None] = []
        self._rule = rule
        self._tests = tests or {}

    async def set_up(self, sandbox):
        assert sandbox.commands == []

    async def score(self, sandbox, submission):
        assert sandbox.agent_stopped
        self.submissions.append(submission)
        sandbox.tests = self._tests
        score = self._rule(sandbox.commands)
        return VerdictStep(score=score, failed={} if score == 1 else {"test_it": "not done"})


class FakeVisible:
    """A visible scorer that carries one command out and gives what ``rule`` says of the commands before it."""

    def __init__(self, rule) -> None:
        self._rule = rule

    async def score(self, machine):
        await machine.exec(["bash", "-c", "score"])
        commands = machine._sandbox.commands
        commands.remove("score")
        assert not machine._sandbox.agent_stopped
        return self._rule(commands)
