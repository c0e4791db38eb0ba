"""Reads JSON that a model wrote: exactly, or mending what models commonly get wrong. Linear in the length of the text."""

import json
import math
import re
from typing import NoReturn

_TOKEN = re.compile(
    r"""
      (?P<double>"(?:[^"\\]+|\\(?:.|\Z))*+(?:(?P<double_end>")|\Z))
    | (?P<single>'(?:[^'\\]+|\\(?:.|\Z))*+(?:(?P<single_end>')|\Z))
    | (?P<word>[A-Za-z_]+)
    | (?P<space>\s+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""An unclosed string takes the rest of the text, and nothing is given back: so no character is read more than once."""

_IN_SINGLE_QUOTES = re.compile(r"\\(.)|\"", re.DOTALL)
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_CLOSER = {"{": "}", "[": "]"}


def read_object(text: str, *, strict: bool) -> tuple[object, int]:
    """The JSON value in ``text`` and how many repairs it took. Raises ``ValueError`` that says what is wrong.

    Without ``strict`` these are mended: quotes and words as in Python, trailing commas, raw control characters in strings,
    missing closing brackets, and text after an object. An unclosed string is not: it may have been cut anywhere.
    """
    try:
        return _load(text), 0
    except ValueError:
        if strict or not text.lstrip().startswith("{"):
            raise
    mended, repairs = _mend(text)
    try:
        return _load(mended), repairs
    except ValueError:
        return _load(mended, control_characters=True), repairs + 1


def _load(text: str, *, control_characters: bool = False) -> object:
    try:
        return json.loads(text, strict=not control_characters, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos}, near {near!r}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _mend(text: str) -> tuple[str, int]:
    """The first object of ``text`` with its common faults mended, and how many there were."""
    out: list[str] = []
    open_brackets: list[str] = []
    repairs = 0
    last_mark = -1  # place in ``out`` of the last token that is not white space
    for token in _TOKEN.finditer(text):
        kind, written = token.lastgroup, token.group()
        if kind == "space":
            out.append(written)
            continue
        if (token["double"] and not token["double_end"]) or (token["single"] and not token["single_end"]):
            raise ValueError(f"it is not JSON: a string is not closed, from {written[:30]!r}")
        if token["single"]:
            written = _double_quoted(written)
            repairs += 1
        elif written in _PYTHON_WORDS:
            written = _PYTHON_WORDS[written]
            repairs += 1
        elif written in ("}", "]"):
            if last_mark >= 0 and out[last_mark] == ",":
                out[last_mark] = ""
                repairs += 1
            if open_brackets:
                open_brackets.pop()
        elif written in _CLOSER:
            open_brackets.append(_CLOSER[written])
        last_mark = len(out)
        out.append(written)
        if not open_brackets:
            return "".join(out), repairs + bool(text[token.end() :].strip())
    if out and out[last_mark] == ",":
        out[last_mark] = ""
        repairs += 1
    return "".join([*out, *reversed(open_brackets)]), repairs + 1


def _double_quoted(token: str) -> str:
    def as_json(found: re.Match[str]) -> str:
        if found.group() == '"':
            return '\\"'
        return "'" if found[1] == "'" else found.group()

    return '"' + _IN_SINGLE_QUOTES.sub(as_json, token[1:-1]) + '"'


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it is not JSON: {name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value
