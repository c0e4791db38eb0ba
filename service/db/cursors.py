"""Opaque cursors: where a listing goes on. A cursor is only good for the listing that gave it."""

import base64
import json
from typing import Any

from unhobble.errors import BadInput, Issue


def write_cursor(listing: str, **place: str | float | None) -> str:
    """The cursor of ``listing`` at ``place``."""
    return base64.urlsafe_b64encode(json.dumps([listing, place]).encode()).decode().rstrip("=")


def read_cursor(listing: str, cursor: str, **types: type) -> dict[str, Any]:
    """The place that ``cursor`` marks in ``listing``. Raises ``BadInput`` where no page of it gave that cursor.

    ``types`` are the names and types of the place's parts.
    """
    try:
        padding = "=" * (-len(cursor) % 4)
        of, place = json.loads(base64.b64decode(cursor + padding, altchars=b"-_", validate=True))
        fits = of == listing and place.keys() == types.keys()
        fits = fits and all(type(place[name]) is kind and _storable(place[name]) for name, kind in types.items())
    except (ValueError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise BadInput([Issue("cursor", f"{cursor!r:.100} is no cursor of the {listing}; take next_cursor of the page before")])
    return dict(place)


def _storable(value: str | float) -> bool:
    return isinstance(value, str) or abs(value) < 2**63
