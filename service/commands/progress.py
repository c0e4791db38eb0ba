"""Shows a study while it runs, on standard error: a live display in a terminal, else a line every few seconds."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from service.api.schemas import EventOut, StudyOut
from service.commands.status import WAITING, Status, status_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_LINE_EVERY_S = 5.0


class Troubles:
    """Follows a study's events, and knows what kept the last rollouts from being scored. ``events`` gives those after a number."""

    def __init__(self, events: Callable[[int], Sequence[EventOut]]) -> None:
        self._events = events
        self._after = 0
        self._last = ""

    def last(self) -> str:
        """The last error of infrastructure; empty where a rollout has been scored since."""
        while found := self._events(self._after):
            for event in found:
                self._after = event.number
                if event.kind == "rollout_retried":
                    self._last = str(event.data.get("error") or "")
                elif event.kind == "rollout_finished" and event.data.get("score") is not None:
                    self._last = ""
        return self._last


class Display(Protocol):
    """Somewhere to show a study."""

    def __enter__(self) -> "Display":
        """Begin to show."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the last state standing."""
        ...

    def update(self, study: StudyOut, trouble: str = "") -> None:
        """Show the study as it stands now, and what is in its way."""
        ...


def display(console: "Console", *, queued: str = WAITING) -> Display:
    """The display that fits ``console``; ``queued`` says what a study waits for as long as it is queued."""
    return LiveDisplay(console, queued) if console.is_terminal else LineDisplay(console, queued)


class LineDisplay:
    """A line when the phase changes, and now and then."""

    def __init__(self, console: "Console", queued: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._queued = queued
        self._clock = clock
        self._shown = ("", "")
        self._next_s = float("-inf")

    def __enter__(self) -> "LineDisplay":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def update(self, study: StudyOut, trouble: str = "") -> None:
        """See ``Display``."""
        status = status_of(study, queued=self._queued, trouble=trouble)
        phase, line = self._shown
        if status.doing == phase and (self._clock() < self._next_s or status.line() == line):
            return
        self._shown = (status.doing, status.line())
        self._next_s = self._clock() + _LINE_EVERY_S
        self._console.print(status.line(), soft_wrap=True, markup=False)


class LiveDisplay:
    """A small table that is kept up to date in place."""

    def __init__(self, console: "Console", queued: str) -> None:
        from rich.live import Live

        self._queued = queued
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def update(self, study: StudyOut, trouble: str = "") -> None:
        """See ``Display``."""
        self._live.update(_table(status_of(study, queued=self._queued, trouble=trouble)))


def _table(status: Status) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    title = Text.assemble((status.name, "bold"), "  ", status.model, "  ")
    if status.simulated:
        title.append(" SIMULATED ", "black on yellow")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    doing = Text(status.doing) if status.phase.is_final else Spinner("dots", Text(status.doing))
    grid.add_row("phase", doing)
    if status.ended:
        grid.add_row("search", status.ended)
    grid.add_row("rollouts", ProgressBar(total=status.planned, completed=status.finished, width=40))
    missing = f", {status.missing} without a score" if status.missing else ""
    grid.add_row("", ", ".join(filter(None, [f"{status.finished} of {status.planned}{missing}", status.left])))
    grid.add_row("best so far", status.best)
    for other in status.others:
        grid.add_row("", other)
    grid.add_row("spend", status.spend or "nothing yet")
    grid.add_row("failures", status.failures or "none yet")
    if status.trouble:
        grid.add_row("trouble", Text(status.trouble, style="red"))
    return Group(title, grid)
