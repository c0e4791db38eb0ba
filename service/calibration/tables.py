"""Calibrations as tables: for a page, for the README, and for a terminal. Pure functions of the figures."""

from collections.abc import Sequence
from pathlib import Path

from service.calibration.figures import Calibration, Value
from service.calibration.summary import Count, Mean, Summary, summarise
from service.commands.figures import count, dollars

NOTHING = "-"

BEGIN, END = "<!-- calibration: made by make calibrate -->", "<!-- calibration: end -->"
"""The lines in a page between which its table stands."""

GROUPS = (5, 4, 5, 3)
"""How many columns after the first belong together: what was found, intervals and bounds, labels and inflation, cost."""

_Column = tuple[str, str]


def rows_of(calibration: Calibration, *, short: bool = False) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns, and a row for each organism and one over all; ``short`` has what fits into a README."""
    columns, nominal = _short if short else _long, f"nominal {100 * calibration.level:.0f} %"
    rows = [columns(summary, nominal) for summary in summarise(calibration)]
    return list(dict(rows[0])), [[text for _, text in row] for row in rows]


def markdown(calibration: Calibration, *, short: bool = False) -> str:
    """The table with its caption, as Markdown."""
    heads, rows = rows_of(calibration, short=short)
    aligned = [":--", *["--:"] * (len(heads) - 1)]
    lines = [caption(calibration), "", *("| " + " | ".join(cells) + " |" for cells in (heads, aligned, *rows))]
    return "\n".join(lines) + "\n"


def caption(calibration: Calibration) -> str:
    """Which models, studies and versions the figures are of."""
    c = calibration
    seeds = len(c.seeds)
    rehearsed = "" if c.rehearsed else " The suite has no rehearsal, so that commands are taken to print nothing to speak of."
    return (
        f"SIMULATED models (organisms), not language models: {len(c.organisms)} × {seeds} {_plural('study', seeds)} of "
        f"{c.rollouts} rollouts each, strategy `{c.strategy}`{_options(c)}, space `{c.space}` ({c.space_digest}), "
        f"suite `{c.suite}` {c.suite_version} "
        f"({c.suite_digest}; {c.tasks} tasks, {c.held_out} of them held out), seeds {_range(c.seeds)}, "
        f"unhobble {c.unhobble}. In brackets: 90 % intervals.{rehearsed}"
    )


def fill_in(page: Path, table: str) -> None:
    """Put ``table`` between the marks of ``page``. Raises ``ValueError`` where it has no marks."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replaced(text, table), encoding="utf-8")


def replaced(text: str, table: str) -> str:
    """``text`` with ``table`` between its marks."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no place for the table: the lines {BEGIN} and {END} are missing")
    return f"{before}{begin}\n{table}\n{end}{after}"


def _short(summary: Summary, nominal: str) -> list[_Column]:
    return [
        ("organism (SIMULATED)", _name(summary)),
        ("baseline, true", _value(summary.baseline)),
        ("best of the space, true", _value(summary.best)),
        ("locked capability recovered", _share_of_locked(summary.recovered)),
        (f"interval holds the truth ({nominal})", _count(summary.covered)),
        ("clear gains claimed", _count(summary.clear_gains)),
        ("of these false", _count(summary.false_gains)),
        ("labels right", _rate(summary.labels.code_seen)),
    ]


def _long(summary: Summary, nominal: str) -> list[_Column]:
    labels, cost = summary.labels, summary.cost
    return [
        ("organism (SIMULATED)", _name(summary)),
        ("baseline", _value(summary.baseline)),
        ("best", _value(summary.best)),
        ("recovered", _share_of_locked(summary.recovered)),
        ("clear gains", _count(summary.clear_gains)),
        ("false gains", _count_in(summary.false_gains)),
        (f"covered, suite ({nominal})", _count_in(summary.covered)),
        (f"covered, held-out ({nominal})", _count_in(summary.covered_held_out)),
        ("lower bound holds", _count(summary.lower_holds)),
        ("upper bound holds", _count(summary.upper_holds) if summary.upper_holds.of else "none claimed"),
        ("code, seen", _rate(labels.code_seen)),
        ("class, seen", _rate(labels.class_seen)),
        ("code, all", _rate(labels.code_everything)),
        ("inflation, search", _signed(summary.inflation_search)),
        ("inflation, held-out", _signed(summary.inflation_held_out)),
        ("rollouts", f"{cost.rollouts:.0f}"),
        ("tokens", count(round(cost.tokens))),
        ("cost", dollars(cost.usd)),
    ]


def _name(summary: Summary) -> str:
    return f"`{summary.name}`" if summary.baseline else f"**{summary.name}**"


def _value(value: Value | None) -> str:
    return f"{value.mean:.2f}" if value else NOTHING


def _share_of_locked(mean: Mean | None) -> str:
    if mean is None:
        return NOTHING
    ends = f" [{mean.low:.2f}, {mean.high:.2f}]" if mean.low is not None and mean.high is not None else ""
    return f"{mean.mean:.2f}{ends}"


def _signed(mean: Mean | None) -> str:
    return f"{mean.mean:+.2f}" if mean else NOTHING


def _count(found: Count) -> str:
    return f"{found.hits} of {found.of}" if found.of else NOTHING


def _count_in(found: Count) -> str:
    return f"{_count(found)} [{found.interval.low:.2f}, {found.interval.high:.2f}]" if found.interval else NOTHING


def _rate(found: Count) -> str:
    return NOTHING if found.rate is None else f"{100 * found.rate:.0f} % of {found.of}"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else word[:-1] + "ies"


def _options(calibration: Calibration) -> str:
    return " with " + ", ".join(f"{k}={v}" for k, v in calibration.options.items()) if calibration.options else ""


def _range(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
