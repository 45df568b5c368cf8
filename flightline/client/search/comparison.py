"""Jobs compared: what they asked for differently, what came of it, and their curves side by side."""

from __future__ import annotations

from typing import Any

from flightline.client.display.curves import overlay
from flightline.client.display.tables import Table
from flightline.client.records import SHORT_ID, JobRecord, Record
from shared import wire

FIGURES = ("val_accuracy", "best_val_accuracy", "best_epoch", "val_loss", "train_loss", "train_accuracy")
"""What a comparison shows of results, in this order."""


class Curves(Record, wire.Curves):
    """Figures of several jobs' epochs: `epoch` has the epochs' numbers, each other column one list per job."""


class Comparison(Record, wire.Comparison):
    """Jobs side by side.

    `jobs` are their present states. `differing` has the fields of their specs whose values differ, by their dotted
    paths, with one value per job. `curves` has the numbers of the epochs (``epoch``) and a list for each of their
    figures (``val_loss``), with one list per job in it; None stands where a job has no such epoch.
    """

    jobs: tuple[JobRecord, ...]
    curves: Curves

    def rows(self) -> list[dict[str, Any]]:
        """One dict per job, by paths in a job's JSON: id, name, status, the fields that differ, the final figures."""
        return [
            {"id": job.id, "name": job.name, "status": job.status}
            | {f"spec.{path}": values[number] for path, values in self.raw["differing"].items()}
            | {f"result.{key}": (job.raw.get("result") or {}).get(key) for key in FIGURES}
            for number, job in enumerate(self.jobs)
        ]

    def curve(self, column: str) -> list[list[float | None]]:
        """A figure of the epochs, such as ``val_loss``: one list per job, with a value for each of ``curves.epoch``."""
        found: list[list[float | None]] = self.raw["curves"][column]
        return found

    def to_pandas(self) -> Any:
        """The comparison as a `pandas.DataFrame`, one row per job. Raises UsageError where pandas is not installed."""
        return Table(self.rows()).to_pandas()

    def plot(self, column: str = "val_accuracy") -> Any:
        """A figure of the jobs' epochs as a `matplotlib.figure.Figure`, one line per job, which notebooks show.

        Raises:
            UsageError: matplotlib is not installed.
        """
        titles = [f"{job.title} …{job.id[-SHORT_ID:]}" for job in self.jobs]
        return overlay(column, self.raw["curves"]["epoch"], dict(zip(titles, self.curve(column), strict=True)))

    def _repr_html_(self) -> str:
        return Table(self.rows())._repr_html_()

    def __repr__(self) -> str:
        differ = ", ".join(self.raw["differing"]) or "nothing that was asked for"
        return f"<Comparison of {len(self.jobs)} jobs; they differ in {differ}>"
