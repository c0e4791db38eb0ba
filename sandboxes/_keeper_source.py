"""The keeper's program as one line of Python, which ``python3 -c 'exec(input())'`` reads from its standard input.

So it can be brought into a read-only container, and a look at the list of processes does not show a page of source.
"""

from pathlib import Path

_MODULES = {"sandboxes._files": "_files.py", "sandboxes._seccomp": "_seccomp.py", "__main__": "_keeper.py"}
_LOADER = """
import sys, types
sys.modules["sandboxes"] = types.ModuleType("sandboxes")
for name, source in sources.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
"""


def _line() -> str:
    sources = {name: Path(__file__).with_name(file).read_text(encoding="utf-8") for name, file in _MODULES.items()}
    return f"exec({_LOADER!a}, {{'sources': {sources!a}}})"


KEEPER_LINE = _line()
"""ASCII, without a line break."""
