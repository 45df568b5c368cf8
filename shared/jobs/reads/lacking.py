"""What live workers lack for a job: what delays it, or will make it fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from shared.documents.phrases import some_of
from shared.jobs.data_needs import Holdings, needs_of
from shared.jobspec import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared import wire
    from shared.jobspec import Submission


class Lacking:
    """What live workers lack for jobs, found once for all jobs of one queue and data set."""

    def __init__(self, live: Sequence[wire.Worker]) -> None:
        self._live = live
        self._found: dict[tuple[str, bytes], list[str]] = {}

    def of(self, queue: str, dataset: Any) -> list[str]:
        """Return the warnings for a job."""
        key = queue, orjson.dumps(dataset)
        if key not in self._found:
            self._found[key] = _missing(self._live, queue, dataset)
        return self._found[key]


def warnings_for(live: Sequence[wire.Worker], submission: Submission) -> list[str]:
    """Return what a valid job would wait for: a live worker for its queue, or one that holds its data."""
    return _missing(live, submission.spec.queue, submission.document["dataset"])


def _missing(live: Sequence[wire.Worker], queue: str, wanted: Any) -> list[str]:
    """Return warnings about what delays a job of this queue and data set, or will make it fail."""
    fitting = [worker for worker in live if queue in ("any", worker.device_kind)]
    if not live:
        starting = "`flightline up` starts its own workers within a minute, `flightline worker` starts one."
        return [f"No live worker: the job waits until one starts. {starting}"]
    if not fitting:
        return [f"No live worker has a {queue} device: the job waits until one starts."]
    needs = needs_of(wanted)
    if any(Holdings(worker.datasets).meet(needs) for worker in fitting):
        return list(_shortages(Catalog.of_reports(live=[worker.datasets for worker in fitting]), wanted))
    name, classes = wanted["name"], some_of(wanted["classes"])
    missing = f"No worker that could take this job holds images of the classes {classes} of {name}"
    return [f"{missing}: the job waits for one that does, and fails if none comes soon."]


def _shortages(held: Catalog, wanted: dict[str, Any]) -> Iterator[str]:
    """Yield a warning for each limit that exceeds the smallest class of every copy."""
    classes = wanted["classes"]
    copies = list(held.chosen(wanted["name"], classes))
    for index, field in enumerate(("train_per_class", "val_per_class")):
        asked = wanted.get(field)
        most = max((min(copy.counts[name][index] for name in classes) for copy in copies), default=None)
        if asked is not None and most is not None and most < asked:
            where = "no live worker that could take this job has that many images of each class"
            yield f"{field} is {asked:,}, but {where}: the largest copy has {most:,}, and the job uses those."
