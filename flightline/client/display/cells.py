"""A job as HTML, for the output cells of notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flightline.client.display.curves import curves

if TYPE_CHECKING:
    from flightline.client.records import Epochs, JobRecord

COLOURS = {
    "queued": "#b45309",
    "running": "#0891b2",
    "paused": "#1d4ed8",
    "succeeded": "#15803d",
    "failed": "#b91c1c",
    "cancelled": "#a21caf",
}


def job_cell(job: JobRecord, epochs: Epochs | None) -> str:
    """The job's name and status, its progress, its figures and, where `epochs` are given, its curves."""
    if not {"progress", "cost", "result", "status"} <= job.raw.keys():  # some fields alone were asked for
        return f"<code>{escape(repr(job))}</code>"
    progress = job.progress
    bar = (
        f'<progress max="{max(1, progress.epochs)}" value="{progress.epoch}" style="vertical-align:middle"></progress>'
    )
    count = f"epoch {progress.epoch}/{progress.epochs} " if progress.epochs else ""  # an evaluation has none
    where = f"{count}<code>{escape(job.id)}</code>"
    head = (
        f'<div><b>{escape(job.title)}</b> <span style="color:{COLOURS.get(job.status, "inherit")}">'
        f"{escape(job.status)}</span> {bar} {where}</div>"
    )
    facts = "".join(f"<th>{escape(name)}</th><td>{escape(value)}</td>" for name, value in figures(job).items())
    error = f"<div>{escape(job.error.detail or job.error.code)}</div>" if job.error else ""
    return head + error + f"<table><tr>{facts}</tr></table>" + (curves(epochs) if epochs is not None else "")


def figures(job: JobRecord) -> dict[str, str]:
    """What is worth a glance: accuracies, losses, the network's size, where the job ran."""
    found = {"parameters": f"{job.cost.parameters:,}"} if job.cost.parameters else {}
    if (result := job.result) is not None:
        if result.best_val_accuracy is not None:
            found["best accuracy"] = f"{result.best_val_accuracy:.4f} (epoch {result.best_epoch})"
        known = {"accuracy": result.val_accuracy, "loss": result.val_loss}
        found |= {name: f"{value:.4f}" for name, value in known.items() if value is not None}
    return found | ({"device": job.device} if job.device else {})
