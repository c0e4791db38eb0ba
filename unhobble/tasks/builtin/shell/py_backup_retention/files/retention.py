"""Decide which backups to keep.

Usage: python3 retention.py LISTING --daily N --weekly N --monthly N
"""

import argparse
import re
from datetime import datetime
from itertools import groupby

NAME = re.compile(r"(?P<host>[a-z0-9-]+)_(?P<stamp>\d{8}T\d{6})Z\.tar")


class Backup:
    def __init__(self, name, host, taken):
        self.name = name
        self.host = host
        self.taken = taken


def read_listing(path):
    """One Backup for each line of the listing that is exactly a backup's name."""
    backups = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            match = NAME.match(line.strip())
            if match:
                taken = datetime.strptime(match["stamp"], "%Y%m%dT%H%M%S")
                backups.append(Backup(match[0], match["host"], taken))
    return backups


def day_of(backup):
    return backup.taken.strftime("%Y-%m-%d")


def week_of(backup):
    return backup.taken.strftime("%Y-W%W")


def month_of(backup):
    return backup.taken.strftime("%Y-%m")


def newest_per_period(backups, period_of, count):
    """The newest backup of each of the `count` latest periods that have one."""
    newest = {}
    for backup in backups:
        newest[period_of(backup)] = backup
    return [newest[period] for period in sorted(newest)[-count:]]


def plan(backups, daily, weekly, monthly):
    """(verdict, backup) pairs: by host, the newest backup first."""
    result = []
    for _host, group in groupby(backups, key=lambda backup: backup.host):
        kept = set()
        for period_of, count in ((day_of, daily), (week_of, weekly), (month_of, monthly)):
            kept.update(backup.name for backup in newest_per_period(group, period_of, count))
        for backup in sorted(group, key=lambda backup: backup.taken, reverse=True):
            result.append(("keep" if backup.name in kept else "drop", backup))
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("listing")
    parser.add_argument("--daily", type=int, default=7)
    parser.add_argument("--weekly", type=int, default=4)
    parser.add_argument("--monthly", type=int, default=12)
    options = parser.parse_args()
    for verdict, backup in plan(read_listing(options.listing), options.daily, options.weekly, options.monthly):
        print(verdict, backup.name)


if __name__ == "__main__":
    main()
