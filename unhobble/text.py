"""Text from outside (models, commands, files) made fit to be stored and shown, in one place."""

import re
from typing import Annotated

from pydantic import BeforeValidator, JsonValue

# PostgreSQL refuses NUL in text, and no UTF-8 encoder takes a lone surrogate.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: object) -> object:
    """Replace what no database stores (NUL, lone surrogates) by U+FFFD; anything but a string passes as it is."""
    if not isinstance(text, str) or (text.isascii() and "\0" not in text):  # most of it, in a hundredth of the time
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def decode(data: bytes) -> str:
    """Bytes of a command's output as storable text: UTF-8, everything else replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", data.decode("utf-8", errors="replace"))


def clean_json(value: object) -> object:
    """``clean`` for every string in a JSON value, keys included."""
    if isinstance(value, dict):
        return {clean(key): clean_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    return clean(value)


OutsideText = Annotated[str, BeforeValidator(clean)]
"""A string that came from outside: storable whatever it held."""

OutsideJson = Annotated[dict[str, JsonValue], BeforeValidator(clean_json)]
"""A JSON object that came from outside: all of its strings are storable, and can be arguments of a process."""
