"""Half for the verdicts on the example plans, half for plans within their targets, both as ./judge.py sees them."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def judged(level, plan):
    try:
        done = subprocess.run([sys.executable, "-B", "judge.py", level, plan], capture_output=True, text=True, timeout=10)
    except subprocess.TimeoutExpired:
        return []
    return done.stdout.split()


lines = [line.split() for line in (HERE / "verdicts.txt").read_text().splitlines()]
right = sum(judged(HERE / "level.json", HERE / name) == verdict for name, *verdict in lines) / len(lines)
met = 0
for level in Path("levels").glob("*.json"):
    words = judged(level, Path("plans", level.name))
    met += len(words) == 2 and words[0] == "cost" and int(words[1]) <= json.loads(level.read_text())["target"]
print((right + met / 4) / 2)
