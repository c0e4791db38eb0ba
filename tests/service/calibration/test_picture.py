"""The picture of a calibration."""

from service.calibration.picture import draw
from tests.service.calibration.making import calibration, organism, study

FIGURES = calibration(
    organism("one-organism", study(0), study(1, true=0.3)), organism("another", study(0), study(1), baseline=0.5, best=0.5)
)


def test_the_same_figures_give_the_same_file(tmp_path):
    for name in ("a.svg", "b.svg"):
        draw(FIGURES, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "<dc:date>" not in (tmp_path / "a.svg").read_text()


def test_it_names_the_organisms_and_says_that_they_are_simulated(tmp_path):
    draw(FIGURES, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for said in ("SIMULATED models", "one-organism", "another", "best of the space, true", "the interval misses the truth"):
        assert said in text


def test_misses_are_explained_only_where_there_are_any(tmp_path):
    draw(calibration(organism("one", study(0))), tmp_path / "a.svg")
    assert "misses" not in (tmp_path / "a.svg").read_text()
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_it_is_drawn_as_an_image_too(tmp_path):
    draw(FIGURES, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
