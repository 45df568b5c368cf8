"""Which of several runs of one job or sweep stands for it, where exports at the same time have created one each.

MLflow has no lock, so the exports agree on an order that nothing changes: of the runs that are not deleted, that with
the smallest id stands. An export looks when it has created a run, and deletes its own where a smaller one is there. It
looks again when it has tagged its run as whole: of two, the one that tags later finds the other, whichever of them
stands. A run is deleted only in favour of a smaller one, so the smallest stays; and a whole one only once a smaller one
is whole, so what is written stays readable. Doubles that an interrupted export leaves are deleted by the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from flightline.mlflow import runs
from flightline.mlflow.runs import Run
from flightline.mlflow.server import Server


def of(server: Server, experiment_id: str, tag: str, value: str = "%") -> list[Run]:
    """Return the runs with this tag, deleted ones too: that which stands first, the deleted ones last.

    Those that were deleted count: where there is no other, nobody wants one.
    """
    where = f"tags.`{tag}` LIKE '{value}'"
    found = {runs.id_of(run): run for run in server.runs(experiment_id, where=where, view="ALL")}
    return sorted(found.values(), key=lambda run: (runs.is_deleted(run), runs.id_of(run)))


def delete(server: Server, found: Sequence[Run]) -> None:
    """Delete all runs of a job or sweep but the first, which stands for it, if that is whole."""
    first, *others = found
    if not runs.is_whole(first):
        return
    for other in others:
        if not runs.is_deleted(other):
            server.delete_run(runs.id_of(other))
