"""A sweep while it runs: how far it is and the best so far, on lines of a terminal; elsewhere a line for each news."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flightline.cli.sweeps.tables import best_text, jobs_text, point_text, status
from flightline.cli.tables import plural, sparkline
from flightline.client.client import Client
from flightline.client.search.sweep_records import SweepRecord
from flightline.client.search.sweeps import Sweep

SHORTEST_TITLE, SHORTEST_BAR, LONGEST_BAR, LONGEST_CURVE = 8, 6, 24, 24
GAP = 2


def follow_sweep(client: Client, sweep: Sweep, console: Console) -> Sweep:
    """Show the sweep until it has ended, and return its last state. A KeyboardInterrupt ends the display alone."""
    view = SweepView(sweep)
    if console.is_terminal:
        with Live(view.drawn(console.width), console=console, refresh_per_second=4) as live:
            for state in client.watch_sweep(sweep.id):
                sweep = state
                view.add(state)
                live.update(view.drawn(console.width))
        return sweep
    for state in client.watch_sweep(sweep.id):
        sweep = state
        for line in view.add(state):
            console.print(line, markup=False)
    return sweep


class SweepView:
    """The states of one sweep, and the course of its best objective."""

    def __init__(self, sweep: SweepRecord) -> None:
        self._sweep = sweep
        self._status = ""
        self._best: list[float] = []

    def add(self, sweep: SweepRecord) -> list[str]:
        """Add a state to the view, and return what is new of it as lines of plain text."""
        self._sweep, lines = sweep, []
        if sweep.best and sweep.best.value not in self._best[-1:]:
            self._best.append(sweep.best.value)
            lines.append(f"{sweep.title}  {self._done}  {self._words}")
        if sweep.status != self._status:
            self._status = sweep.status
            lines.append(f"{sweep.title}  {sweep.status}")
        return lines

    @property
    def _done(self) -> str:
        return f"{self._sweep.points_tried}/{self._sweep.points}"

    @property
    def _words(self) -> str:
        best = self._sweep.best
        if best is None:
            return "no result yet"
        return f"best {best_text(self._sweep)} at {point_text(best.raw['params'])} (point {best.point})"

    def drawn(self, width: int) -> RenderableType:
        """A line that says how far the sweep is, and below it the best so far with its course."""
        sweep = self._sweep
        cells = [status(sweep.status), Text(f"{self._done} points"), Text(jobs_text(sweep), "dim")]
        room = width - sum(cell_len(cell.plain) + GAP for cell in cells) - GAP
        bar = max(SHORTEST_BAR, min(LONGEST_BAR, room - cell_len(sweep.title)))
        title = Text(sweep.title, "bold")
        title.truncate(max(SHORTEST_TITLE, room - bar), overflow="ellipsis")
        grid = Table.grid(padding=(0, GAP))
        grid.add_row(title, cells[0], ProgressBar(max(1, sweep.points), sweep.points_tried, width=bar), *cells[1:])
        curve = Text(sparkline(self._best, LONGEST_CURVE), "cyan")
        return Group(grid, Text.assemble(curve, "  " if self._best else "", self._words))


def ending(sweep: SweepRecord) -> str:
    """How a sweep has ended, and why its first point that failed did so, in a line."""
    best = (
        f"best {best_text(sweep)} at {point_text(sweep.best.raw['params'])}" if sweep.best else "no point has a value"
    )
    failed = f"; {plural(sweep.points_failed, 'point')} failed. The first error: {sweep.error}" if sweep.error else ""
    return f"{sweep.status}: {plural(sweep.points_done, 'point')}, {best}{failed}"
