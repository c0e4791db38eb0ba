"""Prints the share of the modes in which fen.py prints for trees.fen what trees.expected says: python3 try.py"""

import subprocess
import sys
from pathlib import Path

MODES = ["parse", "types", "warn", "run"]
wanted = Path("trees.expected").read_text().split("# trees.fen\n")[1:]
right = 0
for mode, want in zip(MODES, wanted):
    done = subprocess.run([sys.executable, "fen.py", mode, "trees.fen"], capture_output=True, text=True, timeout=20)
    if done.stdout == "# trees.fen\n" + want:
        right += 1
    else:
        print(f"{mode} prints something else than it should")
print(right / len(MODES))
