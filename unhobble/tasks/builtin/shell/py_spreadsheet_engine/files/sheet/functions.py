"""Functions that get their arguments evaluated: each argument is a value, or a list of values for a range."""

import math

from . import values
from .values import Error


class Failure(Exception):
    """Carries the Error that becomes the function's value."""

    def __init__(self, error):
        self.error = error


def scalar(argument):
    if isinstance(argument, list):
        raise Failure(values.VALUE)
    return argument


def number(argument):
    result = values.to_number(scalar(argument))
    if isinstance(result, Error):
        raise Failure(result)
    return result


def numbers(arguments):
    """Numbers among the arguments: in a range all but numbers is skipped, a single value must be convertible."""
    found = []
    for argument in arguments:
        if isinstance(argument, list):
            found.extend(value for value in argument if values.is_number(value))
        else:
            found.append(number(argument))
    return found


def truths(arguments):
    found = []
    for argument in arguments:
        for value in argument if isinstance(argument, list) else [argument]:
            condition = values.to_condition(value)
            if isinstance(condition, Error):
                raise Failure(condition)
            found.append(condition)
    return found


def average(*arguments):
    found = numbers(arguments)
    if not found:
        raise Failure(values.DIV0)
    return sum(found) / sum(len(a) if isinstance(a, list) else 1 for a in arguments)


def count(*arguments):
    return float(sum(values.is_number(v) for a in arguments for v in (a if isinstance(a, list) else [a])))


def count_filled(*arguments):
    return float(sum(v is not None for a in arguments for v in (a if isinstance(a, list) else [a])))


def round_half_up(x, digits=0.0):
    return float(round(number(x), int(number(digits))))


def log10(x):
    x = number(x)
    if x <= 0:
        raise Failure(values.VALUE)
    return math.log10(x)


def mod(x, y):
    x, y = number(x), number(y)
    if y == 0:
        raise Failure(values.DIV0)
    return math.fmod(x, y)


def mid(text, start, length):
    start, length = int(number(start)), int(number(length))
    if start < 1 or length < 0:
        raise Failure(values.VALUE)
    return values.to_text(scalar(text))[start - 1 : length]


# name: (function, smallest number of arguments, largest)
FUNCTIONS = {
    "SUM": (lambda *a: float(sum(numbers(a))), 1, 99),
    "AVERAGE": (average, 1, 99),
    "MIN": (lambda *a: min(numbers(a), default=0.0), 1, 99),
    "MAX": (lambda *a: max(numbers(a), default=0.0), 1, 99),
    "COUNT": (count, 1, 99),
    "COUNTA": (count_filled, 1, 99),
    "ROUND": (round_half_up, 1, 2),
    "LOG10": (log10, 1, 1),
    "MOD": (mod, 2, 2),
    "LEN": (lambda t: float(len(values.to_text(scalar(t)))), 1, 1),
    "UPPER": (lambda t: values.to_text(scalar(t)).upper(), 1, 1),
    "MID": (mid, 3, 3),
    "AND": (lambda *a: all(truths(a)), 1, 99),
    "OR": (lambda *a: any(truths(a)), 1, 99),
    "NOT": (lambda x: not truths([scalar(x)])[0], 1, 1),
}


def call(name, arguments):
    if name not in FUNCTIONS:
        return values.NAME
    function, low, high = FUNCTIONS[name]
    if not low <= len(arguments) <= high:
        return values.VALUE
    for argument in arguments:
        for value in argument if isinstance(argument, list) else [argument]:
            if isinstance(value, Error):
                return value
    try:
        return function(*arguments)
    except Failure as failure:
        return failure.error
