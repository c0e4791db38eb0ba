"""Prints how many crates were picked up at each depot: python3 totals.py FILE"""

import csv
import sys
from itertools import groupby


def totals(rows):
    """Pairs of a depot and its crates, in the order in which the depots appear first."""
    return [(depot, sum(int(row["crates"]) for row in group)) for depot, group in groupby(rows, key=lambda row: row["depot"])]


def main():
    with open(sys.argv[1], newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        for depot, crates in totals(rows):
            print(f"{depot}: {crates}")


if __name__ == "__main__":
    main()
