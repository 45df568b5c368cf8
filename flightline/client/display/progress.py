"""A progress bar for jobs and sweeps: HTML in a notebook, a line on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from flightline.client.display.optional import optional
from flightline.client.records import JobRecord

if TYPE_CHECKING:
    from rich.console import Console


class Bar(Protocol):
    """Something that draws how far something is."""

    def show(self, done: int, total: int, text: str) -> None:
        """Draw `done` of `total`, with some words beside them."""

    def close(self) -> None:
        """Leave the last state on the screen."""


class Progress:
    """How far some jobs are: the sum of their epochs, on a bar.

    Args:
        bar: where it is drawn; None draws nothing.
    """

    def __init__(self, bar: Bar | None) -> None:
        self._bar = bar

    def show(self, jobs: Iterable[JobRecord]) -> None:
        """Draw the jobs' states. A finished job counts as whole, whatever its last epoch."""
        if self._bar is None:
            return
        states = list(jobs)
        steps = [max(1, job.progress.epochs) for job in states]  # an evaluation has no epochs, and is one step
        done = sum(whole if job.finished else job.progress.epoch for job, whole in zip(states, steps, strict=True))
        self.draw(done, sum(steps), _words(states))

    def draw(self, done: int, total: int, text: str) -> None:
        """Draw `done` of `total`, with some words beside them."""
        if self._bar is not None:
            self._bar.show(done, total, text)


@contextmanager
def progress_bar(wanted: bool | None) -> Iterator[Progress]:
    """A progress bar until the block ends.

    Args:
        wanted: None draws it in a notebook and on a terminal (standard error), False nowhere, True also where standard
            error is neither.
    """
    bar = None if wanted is False else _bar(forced=wanted is True)
    try:
        yield Progress(bar)
    finally:
        if bar is not None:
            bar.close()


def _bar(*, forced: bool) -> Bar | None:
    if in_notebook():
        return NotebookBar()
    from rich.console import Console

    console = Console(stderr=True)
    return TerminalBar(console) if forced or console.is_terminal else None


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is loaded there, and is not loaded to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookBar:
    """A bar in the output cell of a notebook, drawn anew in its place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, done: int, total: int, text: str) -> None:
        """Draw the bar, or draw it again."""
        ipython = optional("IPython.display", "progress")
        cell = ipython.HTML(f'<progress max="{total}" value="{done}"></progress> {escape(text)}')
        if self._handle is None:
            self._handle = ipython.display(cell, display_id=True)
        else:
            self._handle.update(cell)

    def close(self) -> None:
        """Nothing: the last state stays in the notebook."""


class TerminalBar:
    """A bar on one line of standard error."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._progress = RichProgress(*columns, console=console)
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def show(self, done: int, total: int, text: str) -> None:
        """Draw the bar, or draw it again."""
        self._progress.update(self._task, completed=done, total=total, description=text)

    def close(self) -> None:
        """Draw the last state and go to the next line."""
        self._progress.stop()


def _words(jobs: list[JobRecord]) -> str:
    if len(jobs) == 1:
        return _words_on(jobs[0])
    finished = [job for job in jobs if job.finished]
    failed = sum(job.status == "failed" for job in finished)
    reached = (job.result.best_val_accuracy for job in jobs if job.result)
    best = max((one for one in reached if one is not None), default=None)
    words = f"{len(finished)} of {len(jobs)} jobs finished" + (f", {failed} failed" if failed else "")
    return words + (f", best accuracy {best:.4f}" if best is not None else "")


def _words_on(job: JobRecord) -> str:
    epochs = f", epoch {job.progress.epoch}/{job.progress.epochs}" if job.progress.epochs else ""
    words = f"{job.title}: {job.status}{epochs}"
    accuracy = job.result.val_accuracy if job.result else None
    return words + (f", accuracy {accuracy:.4f}" if accuracy is not None else "")
