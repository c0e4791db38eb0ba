"""What a study found, for a person: the figures with their intervals, what stood in the way, the effort, and where to read on."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from service.api.schemas import StudyOut
from service.commands.figures import count, dollars, duration, interval, percent, signed_interval
from service.commands.outlook import print_outlook
from service.commands.status import status_of
from unhobble.tracks import PLAIN
from unhobble.vocabulary import FailureClass, Phase

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from unhobble.analysis.report import Arm, Compared, Confirmed, Effort, Findings
    from unhobble.configuration import Configuration
    from unhobble.tracks import Track


def print_study(console: "Console", study: StudyOut) -> None:
    """Everything that is known of a study, at whatever point it is."""
    from unhobble.analysis.report import Findings

    _heading(console, study)
    found = Findings.model_validate(study.findings) if study.findings else None
    if found and found.confirmed:
        _figures(console, found.confirmed)
        _best(console, found.confirmed)
        _resampled(console, found.confirmed)
        _obstacles(console, found.confirmed)
        for other in found.confirmed.others:
            _apart(console, study, found.confirmed, other)
    elif found:
        _so_far(console, study, found)
    if found:
        print_outlook(console, found)
        _effort(console, found.effort, found.effort.spend.duration_s, study.active_s)
        _caveats(console, found)


def created(study: StudyOut) -> str:
    """When a study was created, in local time."""
    return f"{datetime.fromtimestamp(study.created_at).astimezone():%Y-%m-%d %H:%M}"


def _heading(console: "Console", study: StudyOut) -> None:
    from rich.text import Text

    colour = {Phase.completed: "green", Phase.failed: "red", Phase.cancelled: "yellow"}.get(Phase(study.phase), "cyan")
    console.print(Text.assemble((study.name, "bold"), "  ", (status_of(study).doing, colour), "  ", (study.id, "dim")))
    model = Text.assemble("model ", study.spec["model"]["id"], ", suite ", study.spec["suite"]["id"], ", created ", created(study))
    console.print(model, style="dim")
    if study.simulated:
        console.print(
            Text.assemble((" SIMULATED MODEL ", "black on yellow"), " The figures are of an organism, not of a language model.")
        )
    if study.search_ended:
        words = str(study.search_ended["words"])
        console.print(f"{words[0].upper()}{words[1:]}.", markup=False, highlight=False)
    if study.reason:
        console.print(Text(study.reason, style="red" if study.phase == Phase.failed else ""))


def _figures(console: "Console", confirmed: "Confirmed") -> None:
    console.print()
    if confirmed.others or confirmed.track != PLAIN:
        console.print(_mark(confirmed.track, ()))
    console.print(_table(confirmed, confirmed, ("baseline", "best", "gain")))
    if confirmed.plan:
        seen = "the search saw" if confirmed.plan.from_search else "is assumed of scores of which nothing is known"
        console.print(f"  By the spread that {seen}, {confirmed.plan.words}.", markup=False, highlight=False)


def _table(compared: "Compared", confirmed: "Confirmed", rows: tuple[str, str, str]) -> "Table":
    """The figures of one track; ``rows`` are what the baseline, the best and their difference are called."""
    from rich.table import Table

    best, baseline = compared.best, compared.baseline
    title = f"Score on {confirmed.tasks} held-out tasks, {confirmed.epochs} fresh rollouts of each"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2))
    for column in ("", "trial", "mean", f"{percent(baseline.rate.level)} interval", "without a score"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=not column)
    _arm_row(table, rows[0], baseline)
    if best is not baseline:
        _arm_row(table, rows[1], best, style="bold")
        assert compared.difference is not None  # there is one where the best is not the baseline
        chance = "  may be chance" if compared.difference.low <= 0 <= compared.difference.high else ""
        table.add_row(rows[2], "", f"{compared.difference.mean:+.2f}", signed_interval(compared.difference), chance)
    return table


def _apart(console: "Console", study: StudyOut, confirmed: "Confirmed", other: "Compared") -> None:
    """A track that is not the headline's: named, and set against the baseline alone."""
    best, baseline = other.best, confirmed.baseline
    console.print()
    console.print(_mark(other.track, best.advantage))
    console.print("  Not ranked with the figures above.")
    rows = ("baseline, without", "best, with", "difference") if other.track.advantage else ("baseline", "best", "difference")
    console.print(_table(other, confirmed, rows))
    console.print("  what differs from the baseline:")
    _configuration(console, best.configuration, baseline.configuration, only_changed=True)
    console.print(f"  export it with: unhobble export {study.id} --track {other.track.name}", markup=False, soft_wrap=True)


def _mark(track: "Track", advantage: Sequence[str]) -> "Text":
    from rich.text import Text

    if not track.advantage:
        return Text.assemble((" WITHOUT ADVANTAGE ", "black on green"), f" {track.words.partition(', ')[2]}")
    return Text.assemble((" WITH EVALUATOR ADVANTAGE ", "black on magenta"), f" {'; '.join(advantage)}")


def _arm_row(table: "object", name: str, arm: "Arm", style: str = "") -> None:
    table.add_row(name, str(arm.trial), f"{arm.rate.mean:.2f}", interval(arm.rate), str(arm.missing or ""), style=style)  # type: ignore[attr-defined]


def _best(console: "Console", confirmed: "Confirmed") -> None:
    if confirmed.best is confirmed.baseline:
        console.print("\n[bold]The baseline stayed the best:[/]")
        _configuration(console, confirmed.baseline.configuration, None)
        return
    console.print("\n[bold]Best configuration[/]")
    _configuration(console, confirmed.best.configuration, confirmed.baseline.configuration)


def _resampled(console: "Console", confirmed: "Confirmed") -> None:
    """The best against as many attempts of the baseline as it costs."""
    from rich.table import Table

    found = confirmed.resampled
    if found is None:
        return
    cost = f"One rollout of the best costs {found.cost_ratio:.2f} times as much as one of the baseline (in {found.unit})"
    if found.matched == 1:
        console.print(f"\n{cost}: what it gains is not bought by spending more.", markup=False, highlight=False)
        return
    console.print(f"\n[bold]Does it beat plain resampling of the baseline?[/] {found.verdict.capitalize()}.")
    table = Table.grid(padding=(0, 2))
    table.add_row("  baseline, mean of one attempt", f"{confirmed.baseline.rate.mean:.2f}", interval(confirmed.baseline.rate))
    tries = "1 attempt" if found.attempts == 1 else f"{found.attempts} attempts"
    table.add_row(f"  baseline, best of {tries}", f"{found.rate.mean:.2f}", interval(found.rate))
    table.add_row("  best configuration minus that", f"{found.difference.mean:+.2f}", signed_interval(found.difference))
    console.print(table)
    console.print(f"  {cost}.", markup=False, highlight=False)
    picked = "Which attempt counts is picked by the true scorer, which no user has: an upper limit of resampling."
    console.print(f"  {picked}", markup=False, highlight=False)


def _configuration(
    console: "Console", configuration: "Configuration", baseline: "Configuration | None", *, only_changed: bool = False
) -> None:
    """Every path with its value (or ``only_changed`` ones), and what the baseline has where that differs."""
    from rich.table import Table
    from rich.text import Text

    changed = configuration.difference(baseline) if baseline else {}
    table = Table.grid(padding=(0, 2))
    for path in sorted(changed if only_changed else configuration.root.keys() | changed.keys()):
        here, there = changed.get(path, (configuration.root.get(path), None))
        value = Text("not set" if here is None else str(here), style="green" if path in changed else "")
        was = f"baseline: {'not set' if there is None else there}" if path in changed else ""
        table.add_row(f"  {path}", value, Text(was, style="dim"))
    console.print(table)


def _obstacles(console: "Console", confirmed: "Confirmed") -> None:
    """How much of the baseline's failure was not the model's: as labelled, and as proved by another configuration."""
    from rich.table import Table

    failed, fixed = confirmed.baseline.failures, confirmed.empirically_fixed
    console.print("\n[bold]What stood in the baseline's way[/] (held-out tasks)")
    if failed.spurious is None:
        console.print("  It failed nowhere.")
        return
    table = Table.grid(padding=(0, 2))
    codes = ", ".join(f"{number} {code}" for code, number in failed.by_code.items())
    table.add_row("  failed", f"{failed.failed} of {failed.rollouts} rollouts: {codes}")
    spurious = failed.by_class.get(FailureClass.spurious.value, 0)
    level = percent(failed.spurious.level)
    share = f"{percent(failed.spurious.mean)} of them, {spurious} ({level} interval {interval(failed.spurious)})"
    table.add_row("  labelled spurious", share)
    if fixed.rate is not None:
        proved = (
            f"{percent(fixed.rate.mean)} of those, {fixed.fixed} of {fixed.spurious_failures}, pass under the best configuration"
        )
        table.add_row("  empirically fixed", f"{proved} on the same task and epoch ({level} interval {interval(fixed.rate)})")
    console.print(table)


def _so_far(console: "Console", study: StudyOut, found: "Findings") -> None:
    status = status_of(study)
    console.print(f"\nrollouts     {status.finished} of {status.planned}", markup=False)
    console.print(f"best so far  {status.best}", markup=False)
    if found.best_so_far:
        _configuration(console, found.best_so_far.configuration, None)
    console.print(f"failures     {status.failures or 'none yet'}", markup=False)
    for other in found.others:
        if best := other.best_so_far:
            console.print()
            console.print(_mark(other.track, best.configuration.advantage.declared))
            console.print(
                f"best so far  {best.mean:.2f} ({interval(best)}) believed, search split, trial {best.trial}", markup=False
            )


def _effort(console: "Console", effort: "Effort", rollouts_s: float, active_s: float) -> None:
    missing = f" ({effort.invalid} without a score, {effort.retries} repeated)" if effort.invalid or effort.retries else ""
    spend = effort.spend
    said = [
        f"{effort.configurations} configurations",
        f"{effort.rollouts} rollouts{missing}",
        f"{count(spend.usage.total)} tokens",
        dollars(spend.cost_usd),
        f"{duration(active_s)} ({duration(rollouts_s)} of rollouts)",
    ]
    console.print(f"\n[bold]Effort[/]  {', '.join(said)}")


def _caveats(console: "Console", found: "Findings") -> None:
    from rich.padding import Padding

    console.print("\n[bold]Before you quote this[/]")
    for caveat in found.caveats:
        console.print(Padding(f"- {caveat}", (0, 0, 0, 2)), markup=False)
