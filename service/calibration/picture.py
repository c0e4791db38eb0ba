"""A calibration as one picture: for each organism its true baseline, its true best, and what the studies recommended.

The same figures give the same file, byte for byte, with the same version of matplotlib.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from service.calibration.figures import Calibration, OrganismFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008, "Color Universal Design": told apart by people with any of the common colour blindnesses.
_INK, _GREY, _BLUE, _ORANGE, _MISSED = "#1a1a1a", "#8a8a8a", "#0072B2", "#E69F00", "#C1272D"
_ROW_INCHES, _WIDTH_INCHES = 0.62, 9.6
_SPREAD = 0.62
"""Part of a row's height over which its studies are spread."""

KINDS = (".svg", ".png", ".pdf")


def draw(calibration: Calibration, path: Path) -> None:
    """Write the picture to ``path``, whose ending says in which of ``KINDS``."""
    import matplotlib as mpl

    # Text stays text, so that it can be read at any size; no time and no random names, so that the file is the same again.
    with mpl.rc_context({"svg.hashsalt": "unhobble", "svg.fonttype": "none", "font.size": 13, "font.family": "sans-serif"}):
        from matplotlib.figure import Figure

        organisms = list(reversed(calibration.organisms))  # the first one at the top
        figure = Figure(figsize=(_WIDTH_INCHES, 1.75 + _ROW_INCHES * len(organisms)), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for row, organism in enumerate(organisms):
            _draw_row(axes, row, organism)
        _label(axes, calibration, organisms)
        when = {"Date": None} if path.suffix == ".svg" else {"CreationDate": None} if path.suffix == ".pdf" else {}
        figure.savefig(path, dpi=150, metadata=when)


def _draw_row(axes: "Axes", row: int, organism: OrganismFigures) -> None:
    if row % 2 == 0:
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", zorder=0)
    low, high = organism.baseline.mean, organism.best.mean
    axes.plot([low, high], [row, row], color="#c9d9e4", linewidth=9, solid_capstyle="butt", zorder=1)
    axes.vlines(high, row - 0.36, row + 0.36, color=_BLUE, linewidth=4, zorder=4)
    for place, study in zip(_places(len(organism.studies)), organism.studies, strict=True):
        y, truth = row + place * _SPREAD, study.true_value.mean
        colour = _ORANGE if study.reported.holds(truth) else _MISSED
        axes.hlines(y, study.reported.low, study.reported.high, color=colour, alpha=0.55, linewidth=1.3, zorder=2)
        axes.plot(truth, y, "o", color=colour, markeredgecolor=_INK, markeredgewidth=0.4, markersize=5, zorder=5)
    axes.plot(low, row, "D", color="white", markeredgecolor=_INK, markeredgewidth=1.6, markersize=9, zorder=6)


def _places(studies: int) -> Sequence[float]:
    """Where the studies of a row are drawn, from -0.5 to 0.5; the first at the top."""
    return [0.5 - place / (studies - 1) for place in range(studies)] if studies > 1 else [0.0]


def _label(axes: "Axes", calibration: Calibration, organisms: Sequence[OrganismFigures]) -> None:
    axes.set_yticks(range(len(organisms)), [organism.name for organism in organisms], color=_INK)
    axes.set_ylabel("SIMULATED models", color=_INK, fontweight="bold")
    axes.set_ylim(-0.55, len(organisms) - 0.45)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel(f"success on {calibration.suite} ({calibration.tasks} tasks)", color=_INK)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GREY)
    _legend(axes, calibration)


def _legend(axes: "Axes", calibration: Calibration) -> None:
    from matplotlib.lines import Line2D

    def dot(colour: str, text: str) -> Line2D:
        return Line2D([], [], color=colour, marker="o", markeredgecolor=_INK, markeredgewidth=0.4, markersize=6, label=text)

    entries = [
        Line2D([], [], linestyle="", marker="D", color="white", markeredgecolor=_INK, markersize=8, label="baseline, true"),
        Line2D([], [], linestyle="", marker="|", color=_BLUE, markersize=15, markeredgewidth=4, label="best of the space, true"),
        dot(_ORANGE, "recommended by a study: true (dot), reported (line)"),
    ]
    if any(not s.reported.holds(s.true_value.mean) for o in calibration.organisms for s in o.studies):
        entries.append(dot(_MISSED, "the same, where the interval misses the truth"))
    axes.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=2,
        frameon=False,
        fontsize=11.5,
        columnspacing=1.4,
        handletextpad=0.6,
    )
