"""Cursors come from whoever calls the API, so they may hold anything."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.db.cursors import read_cursor, write_cursor
from unhobble.errors import BadInput


@given(at=st.floats(-(2.0**62), 2.0**62), name=st.text())
def test_a_cursor_leads_back_to_its_place(at, name):
    assert read_cursor("studies", write_cursor("studies", at=at, id=name), at=float, id=str) == {"at": at, "id": name}


def _forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "studies",
        [],
        ["studies"],
        ["studies", 1],
        ["studies", {}],
        ["trials", {"number": 1}],
        ["studies", {"number": "1"}],
        ["studies", {"number": True}],
        ["studies", {"number": 1.0}],
        ["studies", {"number": 2**63}],
        ["studies", {"number": 1, "more": 2}],
    ],
)
def test_a_forged_cursor_is_refused(value):
    with pytest.raises(BadInput, match="next_cursor"):
        read_cursor("studies", _forged(value), number=int)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text):
    with pytest.raises(BadInput):
        read_cursor("studies", text, number=int)
