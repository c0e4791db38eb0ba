"""When does a cron expression fire next?

Usage: python3 cronnext.py 'EXPRESSION' 'YYYY-MM-DD HH:MM' [COUNT]
"""

import sys
from calendar import monthrange
from datetime import datetime, timedelta

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

HORIZON_YEARS = 4


class Field:
    """One field of an expression: the set of values that match."""

    def __init__(self, text, low, high, names=(), first_name=0):
        self.text = text
        self.low = low
        self.high = high
        self.names = {name: number for number, name in enumerate(names, first_name)}
        self.values = set()
        for part in text.split(","):
            self.values |= self.expand(part)

    @property
    def restricted(self):
        return self.text != "*"

    def number(self, text):
        if text in self.names:
            return self.names[text]
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"not a number: {text!r}")
        value = int(text)
        if not self.low <= value <= self.high + 1:
            raise ValueError(f"{value} is not between {self.low} and {self.high}")
        return value

    def expand(self, part):
        body, slash, step_text = part.partition("/")
        step = 1
        if slash:
            if not (step_text.isascii() and step_text.isdigit()) :
                raise ValueError(f"bad step: {part!r}")
            step = int(step_text) or 1
        if body == "*":
            first, last = self.low, self.high
        elif "-" in body:
            left, _, right = body.partition("-")
            first, last = self.number(left), self.number(right)
        else:
            first = self.number(body)
            last = first
        return {value for value in range(first, last + 1) if value % step == 0}


class Schedule:
    def __init__(self, expression):
        fields = expression.split()
        if len(fields) != 5:
            raise ValueError("an expression has five fields")
        self.minute = Field(fields[0], 0, 59)
        self.hour = Field(fields[1], 0, 23)
        self.day = Field(fields[2], 1, 31)
        self.month = Field(fields[3], 1, 12, MONTHS, 1)
        self.weekday = Field(fields[4], 0, 6, DAYS)

    def day_matches(self, moment):
        by_date = moment.day in self.day.values
        by_weekday = moment.weekday() in self.weekday.values
        if self.day.restricted or self.weekday.restricted:
            return by_date and by_weekday
        return True

    def next_after(self, start):
        moment = start.replace(second=0, microsecond=0)
        if start.second:
            moment += timedelta(minutes=1)
        last_year = start.year + HORIZON_YEARS
        while moment.year <= last_year:
            if moment.month not in self.month.values:
                days = monthrange(moment.year, moment.month)[1]
                moment = moment.replace(hour=0, minute=0) + timedelta(days=days)
            elif not self.day_matches(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self.hour.values:
                moment += timedelta(hours=1)
            elif moment.minute not in self.minute.values:
                moment += timedelta(minutes=1)
            else:
                return moment
        raise LookupError("no run found")


def next_runs(expression, start, count=1):
    """The next `count` moments (datetimes without seconds) after `start` at which the expression fires."""
    schedule = Schedule(expression)
    runs = []
    for _ in range(count):
        start = schedule.next_after(start)
        runs.append(start)
        start += timedelta(minutes=1)
    return runs


def main():
    expression, start, *rest = sys.argv[1:]
    count = int(rest[0]) if rest else 1
    for run in next_runs(expression, datetime.strptime(start, "%Y-%m-%d %H:%M"), count):
        print(run.strftime("%Y-%m-%d %H:%M"))


if __name__ == "__main__":
    main()
