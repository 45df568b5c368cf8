"""The calls about many jobs at once: submitted, cancelled and deleted together, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flightline.client.calls.base import BaseCalls, J, checked_id, several
from flightline.client.documents import encoded, job_document
from flightline.client.following.waiting import JOBS_PER_REQUEST
from flightline.client.records import JobOutcome, JobRecord
from flightline.client.search.comparison import Comparison
from flightline.errors import UsageError

LARGEST_BATCH = 1000
LARGEST_COMPARISON = 200
SHORTENED = 12
"""Characters of an id's end that stand for it where a request line has no room for whole ids: 48 random bits."""


class BatchCalls(BaseCalls[J]):
    """Many jobs at once."""

    async def submit_many(
        self, /, specs: Iterable[Mapping[str, Any] | str], *, idempotency_key: str | None = None, **overrides: Any
    ) -> list[J]:
        """Submit up to 1,000 jobs in one request: all of them, or none where one cannot be trained.

        ``client.submit_many([{"preset": "notebook-linear", "training": {"seed": seed}} for seed in range(5)])``

        Args:
            specs: the jobs' documents, or presets' names.
            idempotency_key: as for `submit`; it stands for the whole batch.
            **overrides: fields that are merged into each job.

        Returns:
            The jobs, in the order of `specs`.

        Raises:
            InvalidRequest: a spec cannot be trained; `errors` point at it by its number, such as
                ``/jobs/3/training/epochs``.
            UsageError: there are more than 1,000 specs, or one is neither a mapping nor a preset's name.
        """
        documents = [job_document(spec, overrides) for spec in specs]
        if len(documents) > LARGEST_BATCH:
            raise UsageError(f"A batch has at most {LARGEST_BATCH:,} jobs, not {len(documents):,}: submit it in parts.")
        if not documents:
            return []
        answer = await self._post_once("/v1/jobs/batch", encoded({"jobs": documents}), idempotency_key)
        return [self.with_raw(item) for item in answer["items"]]

    async def cancel_many(self, jobs: Iterable[JobRecord | str]) -> list[JobOutcome]:
        """Cancel jobs, each as far as it can be, and say of each what became of it, in the order of `jobs`.

        Args:
            jobs: jobs, or their ids, which may be shortened.
        """
        return await self._each("/v1/jobs/cancel", jobs)

    async def delete_many(self, jobs: Iterable[JobRecord | str]) -> list[JobOutcome]:
        """Delete finished jobs with their artifacts, and say of each what became of it, in the order of `jobs`.

        Args:
            jobs: jobs, or their ids, which may be shortened.
        """
        return await self._each("/v1/jobs/delete", jobs)

    async def compare(self, jobs: Iterable[JobRecord | str]) -> Comparison:
        """Compare 2 to 200 jobs: the fields of their specs that differ, their results, their curves side by side.

        Args:
            jobs: jobs, or their ids, which may be shortened.

        Raises:
            NotFound, Conflict: an id fits no job, or several.
            UsageError: there are fewer than 2 jobs, or more than 200.
        """
        ids = _named(jobs)
        if not 2 <= len(ids) <= LARGEST_COMPARISON:
            raise UsageError(f"A comparison has 2 to {LARGEST_COMPARISON} jobs, not {len(ids)}.")
        if len(ids) > JOBS_PER_REQUEST:
            ids = [one[-SHORTENED:] for one in ids]
        return Comparison(await self._transport.get("/v1/compare", job=ids))

    async def _each(self, path: str, jobs: Iterable[JobRecord | str]) -> list[JobOutcome]:
        ids = _named(jobs)
        found: list[JobOutcome] = []
        for start in range(0, len(ids), LARGEST_BATCH):
            content = encoded({"ids": ids[start : start + LARGEST_BATCH]})
            answer = await self._transport.call("POST", path, content=content)
            found += [JobOutcome(item) for item in answer["items"]]
        return found


def _named(jobs: Iterable[JobRecord | str]) -> list[str]:
    """The ids of jobs as they are sent: the service itself finds out what a shortened one stands for."""
    return [job.id if isinstance(job, JobRecord) else checked_id(job) for job in several(jobs)]
