"""The rollout that every framework runs, and how its process is told to run some. Standard library only: peers import it too."""

import json
import os
from typing import TextIO

IMAGE = "unhobble/sandbox-shell:1"
INSTRUCTION = "Write the sum of the numbers from 0 to 999 to sum.txt."
COMMANDS = (
    "ls -la",
    "echo alpha > a.txt",
    "cat a.txt",
    "python3 -c 'print(sum(range(1000)))' > sum.txt",
    "grep -n alpha a.txt",
    "wc -c a.txt",
    "mkdir -p src && echo 'print(6 * 7)' > src/main.py",
    "python3 src/main.py",
    "find . -type f | sort",
    "cat sum.txt",
)
CHECK = "assert open('sum.txt').read().strip() == '499500'"
"""What the scoring command runs, as Python, in the agent's working directory."""

COMMAND_TIMEOUT_S = 60
TOKENS_IN, TOKENS_OUT = 500, 50
"""What the scripted models say an answer cost. A peer would otherwise count tokens, which a real provider does for it."""


def reserve_stdout() -> TextIO:
    """The process's stdout for answers alone; what anything else prints goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def order(line: str) -> tuple[int, int]:
    """What a line on stdin asks for: so many rollouts, so many of them at once."""
    rollouts, at_once = map(int, line.split())
    return rollouts, at_once


def answer(answers: TextIO, solved: int) -> None:
    """Say that the rollouts have ended, and how many of them scored 1."""
    answers.write(json.dumps({"solved": solved}) + "\n")
