"""Progress of jobs: live bars with a loss sparkline on a terminal, one line for each epoch anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flightline.cli.tables import age, duration, loss, percent, span, sparkline, status, title
from flightline.client.client import Client
from flightline.client.fields import Fields
from flightline.client.following.watch import Following, Update
from flightline.client.jobs import Job
from flightline.client.records import Event

HEADERS = tuple(Text(name, "dim") for name in ("NAME", "STATUS", "EPOCH", "VAL LOSS", "VAL ACC", ""))
GAP = 2
DROPPED = (5, 3, 2)
"""Columns that a narrow terminal does without: the time left, the loss, the epoch (the bar shows it)."""
SHORTEST_TITLE, SHORTEST_BAR, LONGEST_BAR = 8, 6, 24
SHORT_ID = 10
"""Columns; the bar and the sparkline, second and third, take what there is room for. A short id has its gap with it."""
EARLY_ENDS = {"lost": "was lost", "released": "was released"}


def follow_jobs(client: Client, jobs: Sequence[Job], console: Console) -> list[Job]:
    """Show the jobs until all are finished, and return their last states in the order of `jobs`.

    A KeyboardInterrupt ends the display alone; the jobs go on.
    """
    view = JobsView(jobs)
    following = Following(client.watch, [job.id for job in jobs])
    if console.is_terminal:
        with Live(view, console=console, refresh_per_second=10) as live:
            for update in following:
                view.add(update)
                for event in update.events:
                    if event.kind != "epoch" and (line := event_line(update.job, event)):
                        live.console.print(line, markup=False)
    else:
        for update in following:
            for line in view.add(update):
                console.print(line, markup=False)
    return view.jobs()


class JobsView:
    """The states and loss curves of some jobs, which rich draws as one line for each job."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._losses: dict[str, dict[int, float | None]] = {job.id: {} for job in jobs}
        self._ended: set[str] = set()

    def jobs(self) -> list[Job]:
        """The newest state of each job, in the order in which they were given."""
        return list(self._jobs.values())

    def add(self, update: Update[Job]) -> list[str]:
        """Add an update to the view, and return it as lines of plain text."""
        job = update.job
        before, self._jobs[job.id] = self._jobs[job.id], job
        for event in update.events:
            self._note_loss(job.id, event)
        lines = [line for event in update.events if (line := event_line(job, event))]
        known = before.status == job.status and (job.id in self._ended or not job.finished)
        known = known or (job.status == "queued" and any(map(_is_early_end, update.events)))
        if job.finished:
            self._ended.add(job.id)
        return lines if known else [*lines, f"{title(job)}  {ending(job)}"]

    def _note_loss(self, id: str, event: Event) -> None:
        losses = self._losses[id]
        if event.kind == "epoch":
            losses[event.data["epoch"]] = event.data["val_loss"]
        elif event.kind == "resumed":
            self._losses[id] = {epoch: value for epoch, value in losses.items() if epoch < event.data["from_epoch"]}

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield jobs_grid(self.jobs(), self._losses, options.max_width)


def jobs_grid(
    jobs: Sequence[Job],
    losses: Mapping[str, Mapping[int, float | None]],
    width: int,
    *,
    ids: bool = False,
) -> Table:
    """One line for each job, never wider than the terminal: rich cannot redraw a line that wraps.

    Args:
        jobs: the jobs.
        losses: each job's validation losses by epoch, by the job's id; a job without any has no sparkline.
        width: the terminal's width.
        ids: whether each name has the end of the job's id before it.
    """
    headers = [Text(f"{'ID':<{SHORT_ID}}NAME", "dim") if ids else HEADERS[0], *HEADERS[1:]]
    shortest_name = SHORTEST_TITLE + (SHORT_ID if ids else 0)
    rows = {job.id: [_name(job, ids), *_cells(job)] for job in jobs}
    widths = [max(cell_len(cell.plain) for cell in column) for column in zip(headers, *rows.values(), strict=True)]
    pictures = _total_width([SHORTEST_BAR, SHORTEST_BAR] if any(losses.values()) and ids else [SHORTEST_BAR])
    shown = _shown(widths, width, shortest_name, pictures)
    headers, widths = [headers[number] for number in shown], [widths[number] for number in shown]
    rows = {job_id: [cells[number] for number in shown] for job_id, cells in rows.items()}
    widths[0] = min(widths[0], max(shortest_name, width - _total_width([*widths[1:], SHORTEST_BAR])))
    bar, spark = _bar_widths(width - _total_width(widths))
    grid = Table.grid(padding=(0, GAP))
    for column in [*widths[:2], bar, *([spark] if spark else []), *widths[2:]]:
        grid.add_column(no_wrap=True, overflow="ellipsis", width=column)
    grid.add_row(*headers[:2], *([""] * (2 if spark else 1)), *headers[2:])
    for job in jobs:
        cells = rows[job.id]
        line = [_sparkline(losses.get(job.id, {}), spark)] if spark else []
        grid.add_row(*cells[:2], _bar(job, bar), *line, *cells[2:])
    return grid


def _name(job: Job, ids: bool) -> Text:
    return Text.assemble((f"{job.id[-8:]:<{SHORT_ID}}" if ids else "", "dim"), (title(job), "bold"))


def _cells(job: Job) -> list[Text]:
    progress, result = job.progress, job.result
    return [
        status(job),
        Text(f"{progress.epoch}/{progress.epochs}"),
        Text(loss(result.val_loss if result else None)),
        Text(percent(result.val_accuracy if result else None)),
        Text(_remaining(job), "dim"),
    ]


def _sparkline(losses: Mapping[int, float | None], width: int) -> Text:
    return Text(sparkline([value for _, value in sorted(losses.items())], width), "cyan")


def _shown(widths: Sequence[int], width: int, shortest_name: int, pictures: int) -> list[int]:
    """The indices of the columns that fit uncut into `width`, beside a short name and what bar and sparkline take."""
    shown = list(range(len(widths)))
    for dropped in DROPPED:
        texts = [min(widths[0], shortest_name), *(widths[number] for number in shown[1:])]
        if _total_width(texts) + pictures <= width:
            break
        shown.remove(dropped)
    return shown


def _total_width(widths: Sequence[int]) -> int:
    """The width of columns with the gap behind each."""
    return sum(width + GAP for width in widths)


def _bar_widths(left: int) -> tuple[int, int]:
    """The widths of the bar and of the sparkline in `left` columns; none of the sparkline where there is no room."""
    bar = max(SHORTEST_BAR, min(LONGEST_BAR, (left - GAP) // 2))
    spark = min(LONGEST_BAR, left - GAP - bar)
    return (bar, spark) if spark >= SHORTEST_BAR else (max(SHORTEST_BAR, min(LONGEST_BAR, left)), 0)


def _bar(job: Job, width: int) -> ProgressBar:
    return ProgressBar(total=max(1, job.progress.epochs), completed=job.progress.epoch, width=width)


def event_line(job: Job, event: Event) -> str:
    """One line for an epoch, a wait for an equal job, an attempt that ends early or resumes; empty for other events."""
    data = event.data
    if data.get("following"):
        return f"{title(job)}  waits for job {data['following']}, which trains the same"
    if _is_early_end(event):
        return f"{title(job)}  {_early_end(data)}"
    if event.kind == "resumed":
        first = data["from_epoch"]
        if job.continued_from and data["attempt"] == 1:
            return f"{title(job)}  goes on from job {job.continued_from} with epoch {first}"
        what = "starts over" if first == 1 else f"resumes from its checkpoint with epoch {first}"
        return f"{title(job)}  attempt {data['attempt']} {what}"
    if event.kind != "epoch":
        return ""
    return (
        f"{title(job)}  epoch {data['epoch']}/{job.progress.epochs}  train loss {loss(data['train_loss'])}  "
        f"validation loss {loss(data['val_loss'])}  accuracy {percent(data['val_accuracy'])}"
    )


def _is_early_end(event: Event) -> bool:
    """Whether an attempt ended and the job waits for another one."""
    return event.kind == "status" and event.data["status"] == "queued" and bool(event.data.get("outcome"))


def _early_end(data: Fields) -> str:
    """Why an attempt ended, and when the next one starts at the earliest, counted from that end."""
    error, number = data.get("error"), data["attempt"]
    reason = str(error["detail"] or error["code"]).rstrip(".") if error else "its worker stops"
    seconds = span(data["at"], data["not_before"]) if data.get("not_before") else 0.0
    when = f"in {duration(seconds)} at the earliest" if seconds > 0 else "as soon as a worker is free"
    ended = EARLY_ENDS.get(data["outcome"], data["outcome"])
    return f"attempt {number} {ended}: {reason}. Attempt {number + 1} starts {when}."


def _remaining(job: Job) -> str:
    if job.status == "queued":
        return f"waits {age(job.queued_at)}"
    if job.finished or job.progress.eta_seconds is None:
        return ""
    return f"{duration(job.progress.eta_seconds)} left"


def ending(job: Job) -> str:
    """The job's status in a sentence: with the reason of a failure, or the accuracy of a success, and whose it is."""
    if job.error is not None:
        return f"{job.status}: {job.error.detail}"
    if job.succeeded and job.result is not None and job.result.best_epoch is not None:
        best = f"best {percent(job.result.best_val_accuracy)} after epoch {job.result.best_epoch}"
        whose = f"; trained by job {job.served_from}" if job.served_from else ""
        return f"succeeded: accuracy {percent(job.result.val_accuracy)}, {best}{whose}"
    return status(job).plain
