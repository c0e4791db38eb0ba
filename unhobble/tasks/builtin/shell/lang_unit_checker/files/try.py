"""Prints the share of the lines of example.expected that units.py prints for example.metre: python3 try.py"""

import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

wanted = Path("example.expected").read_text().splitlines()
done = subprocess.run([sys.executable, "units.py", "example.metre"], capture_output=True, text=True, timeout=20)
pairs = list(zip_longest(done.stdout.splitlines(), wanted))
for have, want in pairs:
    if have != want:
        print(f"printed {have!r}, expected {want!r}")
print(sum(have == want for have, want in pairs) / len(pairs))
