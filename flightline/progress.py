"""Jobs while they run: live bars with a loss sparkline on a terminal, a line an epoch anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flightline.client import Client
from flightline.following import Following
from flightline.records import Job
from flightline.render import age, duration, loss, percent, sparkline, status, title
from flightline.watching import Update

BAR_WIDTH = 24


def follow_jobs(client: Client, jobs: Sequence[Job], console: Console) -> list[Job]:
    """Show the jobs until all are finished and return them as they ended, in the same order.

    KeyboardInterrupt passes through: the jobs go on without us.
    """
    view = JobsView(jobs)
    following = Following(client, [job.id for job in jobs])
    if console.is_terminal:
        with Live(view, console=console, refresh_per_second=4):
            for update in following:
                view.add(update)
    else:
        for update in following:
            for line in view.add(update):
                console.print(line, markup=False)
    return view.jobs()


class JobsView:
    """The present state of some jobs, to be drawn."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._losses: dict[str, list[float | None]] = {job.id: [] for job in jobs}

    def jobs(self) -> list[Job]:
        """The jobs as they are now."""
        return list(self._jobs.values())

    def add(self, update: Update) -> list[str]:
        """Take in what is new and return it as plain lines."""
        job = update.job
        before, self._jobs[job.id] = self._jobs[job.id], job
        self._losses[job.id] += [epoch.val_loss for epoch in update.epochs]
        lines = [
            f"{title(job)}  epoch {epoch.epoch}/{job.progress.epochs}  train loss {loss(epoch.train_loss)}  "
            f"validation loss {loss(epoch.val_loss)}  accuracy {percent(epoch.val_accuracy)}"
            for epoch in update.epochs
        ]
        return lines if before.status == job.status else [*lines, f"{title(job)}  {ending(job)}"]

    def __rich__(self) -> Table:
        grid = Table.grid(padding=(0, 2))
        for job in self._jobs.values():
            grid.add_row(*self._cells(job))
        return grid

    def _cells(self, job: Job) -> list[Text | ProgressBar]:
        progress, result = job.progress, job.result
        bar = ProgressBar(total=max(1, progress.epochs), completed=progress.epoch, width=BAR_WIDTH)
        return [
            Text(title(job), "bold"),
            status(job),
            bar,
            Text(f"{progress.epoch}/{progress.epochs}"),
            Text(sparkline(self._losses[job.id]), "cyan"),
            Text(f"loss {loss(result.val_loss if result else None)}"),
            Text(f"accuracy {percent(result.val_accuracy if result else None)}"),
            Text(_remaining(job), "dim"),
        ]


def _remaining(job: Job) -> str:
    if job.status == "queued":
        return f"waiting for {age(job.queued_at)}"
    if job.finished or job.progress.eta_seconds is None:
        return ""
    return f"{duration(job.progress.eta_seconds)} left"


def ending(job: Job) -> str:
    """The status in words, with the reason where it failed and the accuracy where it did not."""
    if job.error is not None:
        return f"{job.status}: {job.error.detail}"
    if job.succeeded and job.result is not None:
        best = f"best {percent(job.result.best_val_accuracy)} after epoch {job.result.best_epoch}"
        return f"succeeded: accuracy {percent(job.result.val_accuracy)}, {best}"
    return job.status
