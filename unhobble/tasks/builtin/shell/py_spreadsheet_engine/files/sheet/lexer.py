"""Formula text -> tokens (kind, text)."""

import re

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>"[^"]*")
  | (?P<error>\#(?:REF!|DIV/0!|NAME\?|VALUE!))
  | (?P<reference>\$?[A-Za-z]{1,3}\$?[1-9][0-9]*)
  | (?P<function>[A-Za-z][A-Za-z0-9]*(?=\())
  | (?P<word>[A-Za-z][A-Za-z0-9]*)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<operator>[-+*/^&=<>%(),:]|<=|>=|<>)
    """,
    re.VERBOSE,
)


class BadFormula(Exception):
    pass


def tokenize(text):
    """All tokens, spaces included, so that joining their texts gives the formula back."""
    tokens = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise BadFormula(f"cannot read {text[position:]!r}")
        tokens.append((match.lastgroup, match[0]))
        position = match.end()
    return tokens
