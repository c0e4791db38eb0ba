"""Figures as Markdown tables and as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.search.figures import Beside, Mean, Row


def tables(rows: Sequence[Row], comparisons: Sequence[Beside]) -> str:
    """Mean regret over the classes, then by class, then what was claimed and what it cost."""
    strategies = list(dict.fromkeys(row.strategy for row in rows))
    budgets = list(dict.fromkeys(row.budget for row in rows))
    at = {(row.strategy, row.budget): row for row in rows}
    heads = ["strategy", *(f"{budget:,}" for budget in budgets)]
    parts = [
        "Mean simple regret after so many rollouts, averaged over the surfaces (90 % interval over seeds)\n\n"
        + _table([heads, *([name, *(_with_interval(at[name, budget].regret) for budget in budgets)] for name in strategies)])
    ]
    for surface in rows[0].by_surface:
        own = [[name, *(f"{at[name, budget].by_surface[surface].mean:.3f}" for budget in budgets)] for name in strategies]
        parts.append(f"On {surface}\n\n" + _table([heads, *own]))
    parts.append("What is claimed, and what it costs\n\n" + _table([_CLAIMED, *map(_claimed, rows)]))
    if comparisons:
        own = [
            [f"{one.budget:,}", one.other, f"{one.ratio:.2f}", one.worst_surface, f"{one.worst_ratio:.2f}"] for one in comparisons
        ]
        title = f"Regret of {strategies[0]} as a share of the best other's"
        parts.append(f"{title}\n\n" + _table([["rollouts", "best other", "share", "largest on", "share there"], *own]))
    return "\n\n".join(parts)


def plot(rows: Sequence[Row], file: Path) -> None:
    """Write an SVG: mean regret by budget, over all surfaces with the interval over seeds, and on each."""
    surfaces = list(rows[0].by_surface)
    figure = Figure(figsize=(13, 3.6 * (1 + (len(surfaces) + 3) // 4)), layout="constrained")
    FigureCanvasSVG(figure)
    grid = figure.add_gridspec(1 + (len(surfaces) + 3) // 4, 4)
    whole = figure.add_subplot(grid[0, :3])
    for strategy in dict.fromkeys(row.strategy for row in rows):
        own = [row for row in rows if row.strategy == strategy]
        _line(whole, strategy, [row.budget for row in own], [row.regret for row in own])
    whole.set_ylim(bottom=0)  # only now: it ends scaling by what is drawn
    whole.set_title("mean simple regret, averaged over the surfaces")
    figure.legend(*whole.get_legend_handles_labels(), loc="upper right", frameon=False)
    for place, surface in enumerate(surfaces):
        axes = figure.add_subplot(grid[1 + place // 4, place % 4])
        for strategy in dict.fromkeys(row.strategy for row in rows):
            own = [row for row in rows if row.strategy == strategy and surface in row.by_surface]
            _line(axes, strategy, [row.budget for row in own], [row.by_surface[surface] for row in own])
        axes.set_ylim(bottom=0)
        axes.set_title(surface.rpartition("/")[2])
    figure.savefig(file, format="svg", metadata={"Date": None})


def _line(axes: Axes, label: str, budgets: Sequence[int], means: Sequence[Mean]) -> None:
    (line,) = axes.plot(budgets, [mean.mean for mean in means], marker="o", markersize=3, label=label)
    bands = [(budget, mean.low, mean.high) for budget, mean in zip(budgets, means, strict=True) if mean.low is not None]
    if bands:
        where, low, high = zip(*bands, strict=True)
        axes.fill_between(where, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("rollouts")


_CLAIMED = [
    "strategy",
    "rollouts",
    "plays",
    "90 % intervals that cover",
    "claimed less true",
    "95 % limits that cover",
    "least, on a surface",
]
_CLAIMED += ["CPU ms a rollout", "CPU s an answer", "configurations"]


def _claimed(row: Row) -> list[str]:
    shares = [row.covered, row.limit_covers, row.limit_covers_least]
    covered, limit, least = ("" if share is None else f"{share:.0%}" for share in shares)
    bias = "" if row.bias is None else f"{row.bias:+.3f}"
    cost = [f"{row.cpu_ms:.1f}", f"{row.answer_cpu_s:.2f}", f"{row.configurations:.0f}"]
    return [row.strategy, f"{row.budget:,}", str(row.plays), covered, bias, limit, least, *cost]


def _with_interval(mean: Mean) -> str:
    return f"{mean.mean:.3f}" + (f" ({mean.low:.3f} to {mean.high:.3f})" if mean.low is not None else "")


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *body = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *body])
