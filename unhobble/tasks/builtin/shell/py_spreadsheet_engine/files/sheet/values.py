"""Values: float, str, bool, None (an empty cell) and Error."""

import math


class Error:
    def __init__(self, code):
        self.code = code

    def __eq__(self, other):
        return isinstance(other, Error) and other.code == self.code

    __hash__ = None


DIV0 = Error("#DIV/0!")
REF = Error("#REF!")
NAME = Error("#NAME?")
VALUE = Error("#VALUE!")
CYCLE = Error("#CYCLE!")
SYNTAX = Error("#SYNTAX!")


def is_number(value):
    return isinstance(value, (int, float))


def to_number(value):
    """The number that an operator sees, or an Error."""
    if isinstance(value, Error):
        return value
    if value is None:
        return 0.0
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, str):
        return VALUE
    return value


def to_text(value):
    """The text that & and the text functions see; also what is displayed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Error):
        return value.code
    if isinstance(value, str):
        return value
    if value == math.floor(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.10g}"


def to_condition(value):
    """The truth value that IF, AND, OR and NOT see, or an Error."""
    if isinstance(value, Error):
        return value
    if isinstance(value, str):
        return VALUE
    return bool(value)


def compare(left, right):
    """-1, 0 or 1. Numbers come before texts, texts before booleans."""
    if left is None and right is None:
        return 0
    if left is None:
        left = blank_like(right)
    if right is None:
        right = blank_like(left)
    a, b = sort_key(left), sort_key(right)
    return (a > b) - (a < b)


def blank_like(value):
    if isinstance(value, bool):
        return False
    return "" if isinstance(value, str) else 0.0


def sort_key(value):
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, str):
        return (1, value)
    return (0, value)
