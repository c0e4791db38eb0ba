"""What is believed of a study's whole space, for a person: how good its best may be, and what more search may gain."""

from typing import TYPE_CHECKING

from service.commands.figures import percent
from unhobble.tracks import PLAIN

if TYPE_CHECKING:
    from rich.console import Console

    from unhobble.analysis.report import Findings, SpaceOutlook
    from unhobble.records import Effect

_EFFECTS = 6
_LEAST = 0.01
"""Smaller shares of the variance are not worth a line."""


def print_outlook(console: "Console", found: "Findings") -> None:
    """The outlook of the headline, and the limits of the other tracks; nothing where nothing is believed."""
    from rich.padding import Padding

    if found.outlook is None:
        return
    tasks = "search task" if len(found.suite.search) == 1 else "search tasks"
    track = f", {found.track.words}" if found.others or found.track != PLAIN else ""
    of = f"success on the {len(found.suite.search)} {tasks}{track}; believed, not measured"
    console.print(f"\n[bold]What the space may hold[/] ({of})")
    _figures(console, found, found.outlook)
    _effects(console, found.outlook)
    assumed = (
        f"By {found.outlook.who}, after {found.outlook.rollouts} rollouts. A credible limit under that model, for the "
        "configurations of the declared space on these tasks: no proof, and nothing is said of what lies outside the space."
    )
    console.print(Padding(assumed, (0, 0, 0, 2)), markup=False, style="dim")
    for other in found.others:
        if other.outlook:
            console.print(
                f"  Apart, {other.track.words}: upper limit {other.outlook.upper_limit:.2f}, best {other.outlook.maximum:.2f} "
                f"({interval_of(other.outlook)})",
                markup=False,
            )


def interval_of(outlook: "SpaceOutlook") -> str:
    """The 90 % credible interval of the best of the space."""
    return f"{outlook.low:.2f} to {outlook.high:.2f}"


def _figures(console: "Console", found: "Findings", outlook: "SpaceOutlook") -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    if found.confirmed:
        table.add_row("  lower bound", f"{found.confirmed.best.rate.low:.2f}", "of what was confirmed, on the held-out tasks")
    table.add_row("  best of the space", f"{outlook.maximum:.2f}", f"90 % credible interval {interval_of(outlook)}")
    table.add_row("  upper limit", f"{outlook.upper_limit:.2f}", "with a credibility of 95 % nothing in the space is better")
    beaten = f"that something beats trial {outlook.recommended} by more than {outlook.beaten_by:g}"
    table.add_row("  probability", percent(outlook.probability_beaten), beaten)
    if best := found.best_so_far:
        said = f"that trial {best.trial} is the best of those tried, as its strategy believes"
        table.add_row("  probability", percent(best.probability_best), said)
    for share, gain in outlook.gains:
        table.add_row("  expected gain", f"{gain:+.2f}", f"by {_more(share)}")
    console.print(table)


def _more(share: float) -> str:
    """``10 % more`` or ``2 x``: the rollouts that are added, or those in all."""
    return f"{percent(share)} more search" if share < 1 else f"{share + 1:g} times as much search"


def _effects(console: "Console", outlook: "SpaceOutlook") -> None:
    from rich.table import Table

    shown = [effect for effect in outlook.effects if effect.dimensions and effect.share >= _LEAST][:_EFFECTS]
    if not shown:
        return
    table = Table(title="  What matters in it", title_justify="left", title_style="", box=None, padding=(0, 2))
    table.add_column("dimension, or pair beyond both", overflow="fold")
    for column in ("share of the variance", "90 % interval"):
        table.add_column(column, justify="right")
    for effect in shown:
        table.add_row(name_of(effect), percent(effect.share), f"{percent(effect.low)} to {percent(effect.high)}")
    table.add_row("everything else", percent(max(0.0, 1 - sum(effect.share for effect in shown))), "")
    console.print(table)


def name_of(effect: "Effect") -> str:
    """A dimension's path, or those of a pair."""
    return " × ".join(effect.dimensions)
