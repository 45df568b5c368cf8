"""The calls about runs of other trackers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flightline.client.calls.base import BaseCalls, J, job_path
from flightline.client.documents import encoded
from flightline.client.records import ImportedRun, Metric
from flightline.errors import UsageError

LARGEST_IMPORT = 100


class ImportCalls(BaseCalls[J]):
    """Runs of other trackers: kept as finished jobs."""

    async def import_runs(self, runs: Iterable[Mapping[str, Any]]) -> list[ImportedRun]:
        """Keep runs of another tracker as finished jobs of the kind `imported`, each once however often it is sent.

        ``client.import_runs([{"source": "notebook", "id": "try-1", "params": {"lr": "0.1"}}])``

        Args:
            runs: runs as `POST /v1/jobs/import` takes them, any number; 100 are sent in a request.

        Returns:
            The job of each run, and whether it is `new`, in the order of `runs`.

        Raises:
            UsageError: `runs` are no list of objects.
            InvalidRequest: a run cannot be kept; `errors` point at it. Those of the requests before are kept.
        """
        documents, found = _documents(runs), list[ImportedRun]()
        for start in range(0, len(documents), LARGEST_IMPORT):
            content = encoded({"runs": documents[start : start + LARGEST_IMPORT]})
            answer = await self._transport.call("POST", "/v1/jobs/import", content=content)
            found += [ImportedRun(item) for item in answer["items"]]
        return found

    async def metrics(self, id: str) -> list[Metric]:
        """The metrics of an imported run that are no figures of epochs, each with its `steps` and `figures`."""
        return await self._list(Metric, f"{job_path(id)}/metrics")


def _documents(runs: object) -> list[dict[str, Any]]:
    found = list(runs) if isinstance(runs, Iterable) and not isinstance(runs, str | Mapping) else None
    if found is None or not all(isinstance(run, Mapping) for run in found):
        example = '[{"source": "notebook", "id": "try-1"}]'
        raise UsageError(f"Runs to import are a list of objects such as {example}, not {runs!r:.60}.")
    return [dict(run) for run in found]
