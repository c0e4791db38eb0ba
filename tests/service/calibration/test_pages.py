"""The tables of the documents are what their figures say, and say that the models are simulated."""

from pathlib import Path

import pytest

from service.calibration.figures import Calibration
from service.calibration.tables import BEGIN, END, caption, markdown, replaced, rows_of
from tests.service.calibration.making import calibration, organism, study
from unhobble.models.organism.traits import organism_names

ROOT = Path(__file__).parents[3]
PAGES = {"docs/calibration.md": False, "README.md": True}


@pytest.fixture(scope="module")
def shipped() -> Calibration:
    return Calibration.from_json((ROOT / "docs/calibration.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_a_table_is_exactly_what_the_figures_render_to(shipped, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert replaced(text, markdown(shipped, short=PAGES[page])) == text


def test_the_figures_are_of_the_organisms_that_are_shipped(shipped):
    assert [one.name for one in shipped.organisms] == organism_names()
    assert len(shipped.seeds) >= 10


def test_the_figures_are_kept_as_they_are_written(shipped):
    assert shipped.to_json() == (ROOT / "docs/calibration.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("short", [True, False])
def test_a_table_names_every_organism_as_simulated_and_the_versions_it_belongs_to(short):
    figures = calibration(organism("a", study(0), study(1)), organism("b", study(0), study(1)))
    text = markdown(figures, short=short)
    assert text.startswith("SIMULATED models (organisms), not language models: 2 × 2 studies of 400 rollouts each")
    assert f"{figures.suite_digest}; 64 tasks, 26 of them held out" in text
    heads, rows = rows_of(figures, short=short)
    assert "SIMULATED" in heads[0]
    assert [row[0] for row in rows] == ["`a`", "`b`", "**all**"]
    assert all(len(row) == len(heads) for row in rows)


def test_what_is_not_known_or_not_claimed_is_said_so():
    flat = calibration(organism("flat", study(true=0.5, gain_is_clear=False, usd=None), baseline=0.5, best=0.5), rehearsed=False)
    heads, (row, _) = rows_of(flat)
    shown = dict(zip(heads, row, strict=True))
    assert shown["recovered"] == "-"
    assert shown["false gains"] == "-"
    assert shown["upper bound holds"] == "none claimed"
    assert shown["cost"] == "price unknown"
    assert shown["code, seen"] == "-"
    assert "no rehearsal" in caption(flat)


def test_a_page_without_a_place_for_its_table_is_refused():
    with pytest.raises(ValueError, match="no place for the table"):
        replaced(f"text\n{BEGIN}\nwithout an end", "table")
    assert replaced(f"before\n{BEGIN}\nold\n{END}\nafter", "new") == f"before\n{BEGIN}\n\nnew\n{END}\nafter"
