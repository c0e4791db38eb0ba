"""Writes the tables and the picture of the documents anew, from ``docs/calibration.json``; ``make calibrate`` ends with it."""

from pathlib import Path

from service.calibration.figures import Calibration
from service.calibration.picture import draw
from service.calibration.tables import fill_in, markdown


def write_pages(root: Path) -> None:
    """In the repository at ``root``. Raises ``ValueError`` where a page has no place for its table."""
    docs = root / "docs"
    calibration = Calibration.from_json((docs / "calibration.json").read_text(encoding="utf-8"))
    draw(calibration, docs / "calibration.svg")
    fill_in(docs / "calibration.md", markdown(calibration))
    fill_in(root / "README.md", markdown(calibration, short=True))


if __name__ == "__main__":
    write_pages(Path(__file__).parents[2])
