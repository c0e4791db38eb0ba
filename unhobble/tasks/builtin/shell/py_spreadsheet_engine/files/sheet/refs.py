"""Cell references: A1, $B$2, AA10. A cell's address is a pair (column, row), both counted from 1."""

import re

REFERENCE = re.compile(r"(\$?)([A-Za-z]{1,3})(\$?)([1-9][0-9]*)")


def column_number(letters):
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number):
    letters = ""
    while number > 0:
        number, rest = divmod(number, 26)
        letters = chr(ord("A") + rest - 1) + letters
    return letters


def parse(text):
    """The address that a reference names; dollar signs do not matter here."""
    match = REFERENCE.fullmatch(text)
    if not match:
        raise ValueError(f"not a reference: {text!r}")
    return column_number(match[2]), int(match[4])


def name(address):
    column, row = address
    return f"{column_letters(column)}{row}"


def rectangle(first, second):
    """All addresses of a range, row by row, whichever two opposite corners are given."""
    (left, top), (right, bottom) = sorted((first, second))
    return [(column, row) for row in range(top, bottom + 1) for column in range(left, right + 1)]


def shift(text, columns, rows):
    """The reference moved by so many columns and rows; '#REF!' if it would leave the sheet."""
    match = REFERENCE.fullmatch(text)
    fixed_column, letters, fixed_row, digits = match.groups()
    column, row = column_number(letters), int(digits)
    if not fixed_column:
        column += columns
    if not fixed_row:
        row += rows
    if column < 0 or row < 0:
        return "#REF!"
    return f"{fixed_column}{column_letters(column)}{fixed_row}{row}"
