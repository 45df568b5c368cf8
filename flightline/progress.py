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
from flightline.records import Event, Job
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
        with Live(view, console=console, refresh_per_second=10) as live:
            for update in following:
                view.add(update)
                for event in update.events:
                    if event.kind == "resumed":
                        live.console.print(event_line(update.job, event), markup=False)
    else:
        for update in following:
            for line in view.add(update):
                console.print(line, markup=False)
    return view.jobs()


class JobsView:
    """The present state of some jobs, to be drawn."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._losses: dict[str, dict[int, float | None]] = {job.id: {} for job in jobs}
        self._ended: set[str] = set()

    def jobs(self) -> list[Job]:
        """The jobs as they are now."""
        return list(self._jobs.values())

    def add(self, update: Update) -> list[str]:
        """Take in what is new and return it as plain lines."""
        job = update.job
        before, self._jobs[job.id] = self._jobs[job.id], job
        for event in update.events:
            self._note_loss(job.id, event)
        lines = [line for event in update.events if (line := event_line(job, event))]
        told = before.status == job.status and (job.id in self._ended or not job.finished)
        if job.finished:
            self._ended.add(job.id)
        return lines if told else [*lines, f"{title(job)}  {ending(job)}"]

    def _note_loss(self, id: str, event: Event) -> None:
        losses = self._losses[id]
        if event.kind == "epoch":
            losses[event.data["epoch"]] = event.data["val_loss"]
        elif event.kind == "resumed":
            self._losses[id] = {epoch: value for epoch, value in losses.items() if epoch < event.data["from_epoch"]}

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
            Text(sparkline([value for _, value in sorted(self._losses[job.id].items())]), "cyan"),
            Text(f"loss {loss(result.val_loss if result else None)}"),
            Text(f"accuracy {percent(result.val_accuracy if result else None)}"),
            Text(_remaining(job), "dim"),
        ]


def event_line(job: Job, event: Event) -> str:
    """An epoch, or the going back to one, in words; empty for other events."""
    data = event.data
    if event.kind == "resumed":
        first = data["from_epoch"]
        what = "starts over" if first == 1 else f"goes on from its checkpoint with epoch {first}"
        return f"{title(job)}  attempt {data['attempt']} {what}"
    if event.kind != "epoch":
        return ""
    return (
        f"{title(job)}  epoch {data['epoch']}/{job.progress.epochs}  train loss {loss(data['train_loss'])}  "
        f"validation loss {loss(data['val_loss'])}  accuracy {percent(data['val_accuracy'])}"
    )


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
