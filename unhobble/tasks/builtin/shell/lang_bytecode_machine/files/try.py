"""Prints the share of the modes in which tarn.py prints what the files counter.* say: python3 try.py"""

import subprocess
import sys
from pathlib import Path

MODES = {"tokens": "tokens", "tree": "tree", "run": "run", "compile": "code", "exec": "run"}
right = 0
for mode, name in MODES.items():
    file = "counter.code" if mode == "exec" else "counter.tarn"
    done = subprocess.run([sys.executable, "tarn.py", mode, file], capture_output=True, text=True, timeout=20)
    if done.stdout == f"# {file}\n" + Path(f"counter.{name}").read_text():
        right += 1
    else:
        print(f"{mode} prints something else than counter.{name}")
print(right / len(MODES))
