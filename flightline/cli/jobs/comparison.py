"""A comparison of jobs as a table: side by side where there is room, else one job a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from flightline.cli.columns import GAP, Columns
from flightline.cli.tables import NOTHING, duration, loss, percent, span, sparkline, status
from flightline.client.display.tables import cell_text
from flightline.client.records import SHORT_ID, JobRecord
from flightline.client.search.comparison import Comparison

SIDE_BY_SIDE = 6
"""The most jobs that stand beside each other."""
CURVE_WIDTH = 16
CURVES = {"val loss": "val_loss", "val accuracy": "val_accuracy"}

Lines = list[tuple[str, list[Text]]]
"""Names with one cell per job."""


def comparison_table(found: Comparison, width: int | None) -> tuple[Columns, list[list[object]]]:
    """Columns and rows of a comparison: the fields that differ, then the figures, then the curves.

    Args:
        found: the comparison.
        width: the terminal's width; None where there is none, and lines may have any length.
    """
    lines = _lines(found)
    ids = [job.id[-SHORT_ID:] for job in found.jobs]
    names = max(len(name) for name, _ in lines)
    widths = [max(len(one), *(cells[number].cell_len for _, cells in lines)) for number, one in enumerate(ids)]
    needed = names + sum(widths) + GAP * len(ids)
    if len(ids) <= SIDE_BY_SIDE and (width is None or needed <= width):
        return Columns(("JOB", *ids)), [[name, *cells] for name, cells in lines]
    columns = Columns(("JOB", *(name.upper() for name, _ in lines)), shortened="NAME")
    return columns, [[one, *(cells[number] for _, cells in lines)] for number, one in enumerate(ids)]


def _lines(found: Comparison) -> Lines:
    jobs = found.jobs
    lines: Lines = [("name", [Text(job.title) for job in jobs])]
    if any(job.raw.get("owner") for job in jobs):
        lines.append(("owner", [Text(job.raw.get("owner") or NOTHING) for job in jobs]))
    lines.append(("status", [status(job) for job in jobs]))
    lines += [(path, [Text(_value(value)) for value in values]) for path, values in found.raw["differing"].items()]
    return lines + _figures(jobs) + _curves(found)


def _value(value: object) -> str:
    if isinstance(value, list):
        value = tuple(value)
    return NOTHING if value is None or value == () else cell_text(value)


def _figures(jobs: Sequence[JobRecord]) -> Lines:
    shown: dict[str, Callable[[JobRecord], str]] = {
        "parameters": lambda job: f"{job.cost.parameters:,}",
        "epochs": lambda job: f"{job.progress.epoch}/{job.progress.epochs}",
        "val accuracy": lambda job: percent(job.result.val_accuracy if job.result else None),
        "best": _best,
        "val loss": lambda job: loss(job.result.val_loss if job.result else None),
        "train loss": lambda job: loss(job.result.train_loss if job.result else None),
        "time": lambda job: duration(span(job.started_at, job.finished_at) if job.started_at else None),
    }
    return [(name, [Text(show(job)) for job in jobs]) for name, show in shown.items()]


def _best(job: JobRecord) -> str:
    if job.result is None:
        return NOTHING
    return f"{percent(job.result.best_val_accuracy)} ({job.result.best_epoch})"


def _curves(found: Comparison) -> Lines:
    """A sparkline for each job, all on one scale and as long as their epochs: heights and lengths can be compared."""
    lines: Lines = []
    for name, column in CURVES.items():
        curves = [[value for value in curve if value is not None] for curve in found.curve(column)]
        known = [value for curve in curves for value in curve]
        if known:
            longest, scale = max(map(len, curves)), (min(known), max(known))
            widths = [max(1, round(CURVE_WIDTH * len(curve) / longest)) for curve in curves]
            cells = [Text(sparkline(*pair, scale=scale), "cyan") for pair in zip(curves, widths, strict=True)]
            lines.append((f"{name} curve", cells))
    return lines
