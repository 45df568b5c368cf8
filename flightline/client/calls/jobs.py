"""The calls that submit, list and change jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, Literal

from flightline.client.calls.base import PAGE, BaseCalls, J, job_path
from flightline.client.display.tables import Table
from flightline.client.documents import encoded, job_document, resubmission
from flightline.client.following.waiting import states
from flightline.client.records import Check, JobRecord, Preset
from flightline.client.rows import rows
from flightline.errors import UsageError

KEEP: Any = ...
"""Stands for a field that is to stay as it is, where None means none."""


class JobCalls(BaseCalls[J]):
    """Jobs: submit, check, list, change."""

    async def submit(
        self, /, spec: Mapping[str, Any] | str, *, idempotency_key: str | None = None, **overrides: Any
    ) -> J:
        """Submit a spec, or a preset by name; `overrides` are merged in (``training={"epochs": 20}``, ``name="try"``).

        The request is retried for 15 s if the connection drops, or if a service that has answered this client before is
        being restarted. It carries an idempotency key, so that retries make no second job.

        Args:
            spec: the job's document, or a preset's name.
            idempotency_key: makes several calls with the same key submit one job; default a new key for each call.
            **overrides: fields of the job.

        Raises:
            InvalidRequest: the spec cannot be trained; `errors` say why and where.
            UsageError: `spec` is neither a mapping nor a preset's name, or the key cannot be sent.
        """
        return await self._submit("/v1/jobs", encoded(job_document(spec, overrides)), idempotency_key)

    async def check(self, /, spec: Mapping[str, Any] | str, **overrides: Any) -> Check:
        """Validate a spec and compute its cost without submitting it. Arguments and errors are those of `submit`."""
        body = encoded(job_document(spec, overrides))
        return Check(await self._transport.call("POST", "/v1/jobs", params={"dry_run": True}, content=body))

    @rows
    async def jobs(
        self, /, *, sort: str | None = None, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[J, None]:
        """Iterate over all jobs that match the filters, newest first unless sorted; pages are fetched as needed.

        ``client.jobs(tag="try").to_pandas()`` has them as a data frame, with the columns of `table`.
        ``client.jobs(where=["training.optimizer.lr<=0.01"], sort="-best_val_accuracy")`` searches by hyperparameters.

        Args:
            sort: ``created_at``, ``val_accuracy``, ``best_val_accuracy``, ``val_loss``, ``finished_at`` or a field of
                the spec, such as ``spec.training.optimizer.lr``; prefix with ``-`` for descending.
            limit: the most jobs to yield.
            **filters: `where` (conditions on fields of the spec, which must all hold, with ``= != < <= > >=``),
                `owner`, `text` (a word of name, tags or notes), `status` (one or several), `kind`, `device`,
                `architecture_kind`, `preset`, `tag` (one, or several to have all of), `name`, `min_val_accuracy`,
                `min_best_val_accuracy`, `created_after`, `created_before`, `config_hash`, `sweep` (a whole id), `id`
                (whole ids, up to 50); and `fields`, the dotted paths of what the jobs are to have, such as
                ``["id", "result", "spec.training.optimizer.lr"]``.
        """
        cursor, left = None, limit
        while left is None or left > 0:
            page = await self.page(sort=sort, limit=min(PAGE, left or PAGE), cursor=cursor, **filters)
            for item in page["items"]:
                yield self.with_raw(item)
            cursor = page["next_cursor"]
            left = None if left is None else left - len(page["items"])
            if cursor is None:
                return

    async def table(
        self,
        /,
        jobs: Iterable[JobRecord | str] | None = None,
        *,
        sort: str | None = None,
        limit: int | None = None,
        **filters: object,
    ) -> Table:
        """The present states of jobs as a table, one row each: the fields that differ between them come first.

        Args:
            jobs: jobs, or their ids; default all that match the filters.
            sort: as `jobs` takes it, where no jobs are given.
            limit: the most rows, where no jobs are given.
            **filters: as `jobs` takes them, where no jobs are given.
        """
        if jobs is None:
            return Table([job async for job in self.jobs(sort=sort, limit=limit, **filters)])
        ids = await self._ids(jobs)
        found = await states(self, ids)
        return Table(found[one] for one in ids)

    async def cancel(self, id: str) -> J:
        """Cancel a job: a queued job at once, a running one within about a second (see `cancel_requested`).

        Raises:
            Conflict: the job has already succeeded or failed.
        """
        return self.with_raw(await self._transport.call("POST", f"{job_path(id)}/cancel"))

    async def retry(self, id: str, /, *, idempotency_key: str | None = None, **overrides: Any) -> J:
        """Submit a job's spec again as a new job; the request is retried as in `submit`.

        Args:
            id: the finished job, or with overrides any job.
            idempotency_key: as for `submit`.
            **overrides: fields that the new job is to have otherwise, such as ``training={"epochs": 20}``. The same
                spec is linked by `retry_of`; a changed one is a job of its own, with the name, tags and preset of this
                one and without its notes.

        Raises:
            Conflict: the job is not finished, and nothing is to be changed.
            InvalidRequest: the changed spec cannot be trained; `errors` say why and where.
            UsageError: fields of a job are to be changed that trains no network.
        """
        if not overrides:
            return await self._submit(f"{job_path(id)}/retry", None, idempotency_key)
        job = await self.job(id)
        presets = await self._list(Preset, "/v1/presets") if job.preset else []
        document = job_document(resubmission(job, presets), overrides)
        return await self._submit("/v1/jobs", encoded(document), idempotency_key)

    async def edit(
        self, id: str, *, name: str | None = KEEP, tags: Iterable[str] = KEEP, notes: str | None = KEEP
    ) -> J:
        """Change what a job is called and what is written down about it, at any time; what is not given stays.

        Args:
            id: the job.
            name: another name; None for none.
            tags: all of its tags, in place of those that it has.
            notes: Markdown, up to 10,000 characters, in place of what stands there; None for nothing.

        Raises:
            Forbidden: the job belongs to somebody else.
            UsageError: nothing is to be changed.
        """
        given = {"name": name, "notes": notes, "tags": tags if tags is KEEP else list(tags)}
        change = {key: value for key, value in given.items() if value is not KEEP}
        if not change:
            raise UsageError("Nothing is to be changed: give a name, tags or notes.")
        return await self._change(id, change)

    async def evaluate(
        self,
        id: str,
        /,
        dataset: str | Mapping[str, Any],
        *,
        weights: Literal["best", "last"] = "best",
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> J:
        """Score a finished job's network on another data set of the same classes, as a new job of the kind `evaluate`.

        Wait for the new job, and read its `evaluation` with the same `weights`. The request is retried as in `submit`.

        Args:
            id: the finished job.
            dataset: a data set's name, or ``{"name": …, "val_fraction": 0.2}`` for one without validation images.
            weights: the network's weights: of the best epoch or of the last.
            idempotency_key: as for `submit`.
            **fields: `name`, `tags`, `priority`, `resources` or `limits` of the new job.

        Raises:
            Conflict: the job has not succeeded, or did not keep these weights.
            InvalidRequest: the network cannot be scored on this data set; `errors` say why.
        """
        asked = {"dataset": dataset, "weights": weights, **fields}
        return await self._submit(f"{job_path(id)}/evaluate", encoded(asked), idempotency_key)

    async def delete(self, id: str) -> None:
        """Delete a finished job with its artifacts. Raises `Conflict` for one that has not finished."""
        await self._transport.call("DELETE", job_path(id))

    async def set_priority(self, id: str, priority: int) -> J:
        """Change the priority of a queued job: 0 to 9, where 9 is the most urgent.

        Raises:
            Conflict: the job is not queued any more.
        """
        return await self._change(id, {"priority": priority})

    async def _change(self, id: str, change: Mapping[str, Any]) -> J:
        return self.with_raw(await self._transport.call("PATCH", job_path(id), content=encoded(change)))
