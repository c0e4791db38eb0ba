"""Usage: python3 -m sheet FILE"""

import re
import sys

from . import refs, values
from .engine import Sheet

ASSIGNMENT = re.compile(r"([A-Za-z]{1,3}[1-9][0-9]*):(.*)")
COPY = re.compile(r"copy\s+(\S+)\s*->\s*([^\s:]+)(?::(\S+))?")


def display(sheet, address):
    return f"{refs.name(address)}\t{values.to_text(sheet.value(address))}"


def run(lines):
    """The output lines of a sheet file."""
    sheet = Sheet()
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if match := COPY.fullmatch(line):
            first = refs.parse(match[2])
            last = refs.parse(match[3]) if match[3] else first
            sheet.copy(refs.parse(match[1]), refs.rectangle(first, last))
        elif line.startswith("print "):
            yield display(sheet, refs.parse(line[6:].strip()))
        elif match := ASSIGNMENT.fullmatch(line):
            sheet.set(refs.parse(match[1]), match[2].strip())
        else:
            raise SystemExit(f"cannot understand: {line}")
    yield "---"
    for address in sorted(sheet.contents, key=lambda address: (address[1], refs.name(address))):
        yield display(sheet, address)


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        for output in run(lines):
            print(output)


if __name__ == "__main__":
    main()
