"""The calls of the service, each written once: as a coroutine over a transport, for both clients."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from flightline.client.display.progress import progress_bar
from flightline.client.display.tables import Table
from flightline.client.documents import encoded, job_document, key_header
from flightline.client.downloads import File, save
from flightline.client.events import events
from flightline.client.images import image_batches
from flightline.client.log import follow_log, log_lines
from flightline.client.model import Model
from flightline.client.records import (
    Artifact,
    Attempt,
    Check,
    Dataset,
    Epoch,
    Epochs,
    Evaluation,
    Event,
    JobRecord,
    LogLine,
    Mistake,
    Prediction,
    Preset,
    Queue,
    Record,
    Worker,
)
from flightline.client.retry import retry_submission
from flightline.client.rows import rows
from flightline.client.transport import Transport
from flightline.client.waiting import all_finished, states
from flightline.client.watch import Update, updates

PAGE = 100
WHOLE_ID = 36
R = TypeVar("R", bound=Record)
J = TypeVar("J", bound=JobRecord)


class Calls(Generic[J]):
    """What one can ask of one Flightline service.

    Args:
        transport: how requests are sent and waited for.
        job: makes a job of its JSON.
    """

    def __init__(self, transport: Transport, job: Callable[[Mapping[str, Any]], J]) -> None:
        self._transport = transport
        self.with_raw = job
        self.sleep = transport.sleep

    @property
    def base_url(self) -> str:
        """The service's URL without user and password, as messages show it."""
        return self._transport.base_url

    async def close(self) -> None:
        """Close all connections to the service; the client cannot be used afterwards."""
        await self._transport.close()

    # Jobs

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

    async def job(self, id: str) -> J:
        """The present state of a job. Raises `NotFound`."""
        return self.with_raw(await self._transport.get(_job(id)))

    @rows
    async def jobs(
        self, /, *, sort: str | None = None, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[J, None]:
        """Iterate over all jobs that match the filters, newest first unless sorted; pages are fetched as needed.

        ``client.jobs(tag="try").to_pandas()`` has them as a data frame, with the columns of `table`.

        Args:
            sort: ``created_at``, ``val_accuracy``, ``best_val_accuracy`` or ``finished_at``; prefix with ``-`` for
                descending.
            limit: the most jobs to yield.
            **filters: `status` (one or several), `kind`, `device`, `architecture_kind`, `preset`, `tag`, `name`,
                `min_val_accuracy`, `min_best_val_accuracy`, `created_after`, `created_before`, `config_hash`, `id`
                (whole ids, up to 50).
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

    async def page(
        self, /, *, sort: str | None = None, limit: int = PAGE, cursor: str | None = None, **filters: object
    ) -> dict[str, Any]:
        """One page of jobs as JSON, ``{"items": […], "next_cursor": …}``; at most 500."""
        page: dict[str, Any] = await self._transport.get("/v1/jobs", sort=sort, limit=limit, cursor=cursor, **filters)
        return page

    async def epochs(self, id: str, after: int = 0) -> Epochs:
        """The figures of a job's epochs after number `after`, as columns and as rows."""
        return Epochs(await self._transport.get(f"{_job(id)}/epochs", after=after))

    async def evaluation(self, id: str, weights: Literal["best", "last", "test"] = "best") -> Evaluation:
        """Confusion matrix and figures per class for the best or last weights. `NotFound` before the job succeeds.

        ``test`` are the best weights on the data set's own validation images, where a part of the training images was
        held out to validate on.
        """
        return Evaluation(await self._transport.get(f"{_job(id)}/evaluation", weights=weights))

    async def attempts(self, id: str) -> list[Attempt]:
        """The attempts at a job, the first one first: worker, device, outcome and error of each."""
        return await self._list(Attempt, f"{_job(id)}/attempts")

    @rows
    async def log(self, id: str, after: int = 0, *, follow: bool = False) -> AsyncGenerator[LogLine, None]:
        """Iterate over a job's log after line `after`, oldest line first; pages are fetched as needed.

        Args:
            id: the job.
            after: the `line` of the last one that the caller has; 0 for all lines.
            follow: whether to wait for further lines until the job is finished, also while the service is restarted.
        """
        whole = await self._whole(id)

        async def page(after: int) -> list[LogLine]:
            return await self._list(LogLine, f"{_job(whole)}/log", after=after, limit=PAGE)

        lines = follow_log(self, whole, page, after) if follow else log_lines(page, after)
        async with aclosing(lines) as found:
            async for line in found:
                yield line

    async def artifacts(self, id: str) -> list[Artifact]:
        """The files that a job has stored: weights, logits and others, with size and sha256."""
        return await self._list(Artifact, f"{_job(id)}/artifacts")

    async def download(self, id: str, name: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Download one artifact, check its sha256 and return the path of the file.

        Args:
            id: the job.
            name: the artifact's `name`.
            to: a folder, or a file in an existing folder; default the current folder. An existing file is replaced.

        Raises:
            ChecksumMismatch: the file did not arrive whole; no file is left behind.
            UsageError: the folder does not exist.
        """
        if not isinstance(name, str):
            raise TypeError(f"A file is called by its artifact's name, a text, not {name!r:.60}.")
        whole = await self._whole(id)
        artifact = next((item for item in await self.artifacts(whole) if item.name == name), None)
        async with self._transport.stream(f"{_job(whole)}/artifacts/{quote(name, errors='replace')}") as stream:
            return await save(stream.chunks, name, Path(to or "."), artifact.sha256 if artifact else None)

    async def model(self, id: str, weights: Literal["best", "last"] = "best") -> Model:
        """The trained network of a job: `save()` writes its safetensors file, `to_torch()` makes it a module of torch.

        Raises:
            NotFound: the job has not succeeded, or did not keep these weights.
        """
        job = await self.job(id)
        content, _ = await self._transport.file(f"{_job(job.id)}/artifacts/{weights}.safetensors")
        return Model(f"{job.title}-{job.id[-6:]}.safetensors", content)

    async def export(
        self, id: str, format: Literal["safetensors", "onnx"], weights: Literal["best", "last"] = "best"
    ) -> File:
        """The trained network of a job as a file of this format, under a name that tells what it is.

        Raises:
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs that could write the file.
        """
        path = f"{_job(id)}/model"
        content, name = await self._transport.file(path, format=format, weights=weights)
        return File(name or f"{id}.{format}", content)

    async def notebook(self, id: str) -> File:
        """A Jupyter notebook of plain PyTorch that says what a job did, and repeats it."""
        content, name = await self._transport.file(f"{_job(id)}/notebook")
        return File(name or f"{id}.ipynb", content)

    async def predict(
        self, id: str, images: Sequence[str | os.PathLike[str]], weights: Literal["best", "last"] = "best"
    ) -> list[Prediction]:
        """Classify image files with a finished job's network, which prepares them as it did its own.

        Args:
            id: the job.
            images: the files, of which the service is sent up to 64 in a request.
            weights: the network's weights: of the best epoch or of the last.

        Raises:
            UsageError: a file cannot be read.
            InvalidRequest: a file is no image that can be classified; `errors` name it.
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs, or it was ended while it answered.
        """
        whole = await self._whole(id)
        found: list[Prediction] = []
        for files in image_batches(images):
            answer = await self._transport.call(
                "POST", f"{_job(whole)}/predict", params={"weights": weights}, files=files
            )
            found += [Prediction(item) for item in answer["items"]]
        return found

    async def mistakes(self, id: str, limit: int = 20, weights: Literal["best", "last"] = "best") -> list[Mistake]:
        """The validation images that a finished job's network got most wrong, the worst first; at most 100.

        Raises:
            NotFound: the job has not succeeded, or was trained by a release that did not record its mistakes.
        """
        return await self._list(Mistake, f"{_job(id)}/mistakes", limit=limit, weights=weights)

    async def cancel(self, id: str) -> J:
        """Cancel a job: a queued job at once, a running one within about a second (see `cancel_requested`).

        Raises:
            Conflict: the job has already succeeded or failed.
        """
        return self.with_raw(await self._transport.call("POST", f"{_job(id)}/cancel"))

    async def retry(self, id: str, *, idempotency_key: str | None = None) -> J:
        """Submit a job's spec again as a new job, linked by `retry_of`; the request is retried as in `submit`."""
        return await self._submit(f"{_job(id)}/retry", None, idempotency_key)

    async def delete(self, id: str) -> None:
        """Delete a finished job with its artifacts. Raises `Conflict` for a job that is queued or running."""
        await self._transport.call("DELETE", _job(id))

    async def set_priority(self, id: str, priority: int) -> J:
        """Change the priority of a queued job: 0 to 9, where 9 is the most urgent.

        Raises:
            Conflict: the job is not queued any more.
        """
        return self.with_raw(await self._transport.call("PATCH", _job(id), content=encoded({"priority": priority})))

    @rows
    async def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> AsyncGenerator[Event, None]:
        """Iterate over a job's events as they happen, those after number `after`, until the job is finished.

        Each event comes once and in order, also over a broken connection or a restart of the service. `Unavailable` or
        `NotReachable` are raised once the service has been unavailable for a minute.

        Args:
            id: the job.
            after: the `seq` of the last event that the caller has; 0 for all events.
            wait_for_room: where the service serves as many streams as it can, whether to retry for a minute too, or to
                raise `Unavailable` (``too_many_streams``) at once.
        """
        path = f"{_job(await self._whole(id))}/events"
        async with aclosing(events(self._transport, path, after, wait_for_room=wait_for_room)) as found:
            async for event in found:
                yield event

    async def watch(self, id: str, *, after: int = 0) -> AsyncGenerator[Update[J], None]:
        """Iterate over updates of a job, its state and its new events after number `after`, until it is finished."""
        async with aclosing(updates(self, await self._whole(id), after=after)) as found:
            async for update in found:
                yield update

    async def wait(
        self, id: str, *, on_epoch: Callable[[Epoch], object] | None = None, progress: bool | None = None
    ) -> J:
        """Wait until the job is finished and return its last state.

        Args:
            id: the job.
            on_epoch: is called with each epoch as it ends; again with one that a later attempt, which resumes from a
                checkpoint, repeats.
            progress: whether to draw a progress bar; default in a notebook and on a terminal, without `on_epoch`.
        """
        job = await self.job(id)
        wanted = progress if progress is not None or on_epoch is None else False
        with progress_bar(wanted) as bar:
            async with aclosing(self.watch(job.id)) as found:
                async for update in found:
                    job = update.job
                    bar.show([job])
                    for epoch in update.epochs:
                        on_epoch(epoch) if on_epoch else None
        return job

    async def wait_all(
        self,
        jobs: Iterable[JobRecord | str],
        *,
        on_end: Callable[[J], object] | None = None,
        progress: bool | None = None,
    ) -> list[J]:
        """Wait until all of the jobs are finished and return their last states, in the order of `jobs`.

        One request asks for fifty jobs, at most four times a second: hundreds of jobs hold no connection open.

        Args:
            jobs: jobs, or their ids.
            on_end: is called with each job that has finished, once.
            progress: whether to draw a progress bar; default in a notebook and on a terminal.
        """
        with progress_bar(progress) as bar:
            return await all_finished(self, await self._ids(jobs), on_end=on_end, show=bar.show)

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

    # The service

    async def workers(self) -> list[Worker]:
        """The worker processes, those that send heartbeats and those that stopped lately."""
        return await self._list(Worker, "/v1/workers")

    async def queues(self) -> list[Queue]:
        """The queues, each with the number of waiting jobs and the age of the oldest in seconds."""
        return await self._list(Queue, "/v1/queues")

    async def presets(self) -> list[Preset]:
        """The presets: named partial specs that a job can start from, each with its cost."""
        return await self._list(Preset, "/v1/presets")

    async def datasets(self) -> list[Dataset]:
        """The data sets that a job can name, each with the copies that live workers hold."""
        return await self._list(Dataset, "/v1/datasets")

    async def dataset(self, name: str) -> Dataset:
        """One data set: its classes, the shape and numbers of its images, their means and deviations."""
        return Dataset(await self._transport.get(f"/v1/datasets/{quote(name, safe='', errors='replace')}"))

    async def ready(self) -> dict[str, Any]:
        """The answer of the readiness check. Raises `Unavailable` while the database or Redis does not answer."""
        answer: dict[str, Any] = await self._transport.get("/readyz")
        return answer

    async def _whole(self, id: str) -> str:
        """The whole id, for calls that send several requests: a new job's id may come to end like a shortened one."""
        return id if len(_text(id)) == WHOLE_ID else (await self.job(id)).id

    async def _ids(self, jobs: Iterable[JobRecord | str]) -> list[str]:
        """The whole ids of jobs, in their order."""
        if isinstance(jobs, str | Mapping):
            raise TypeError(f"Pass a list of jobs or of their ids, not {jobs!r:.60}.")
        return [job.id if isinstance(job, JobRecord) else await self._whole(job) for job in jobs]

    async def _submit(self, path: str, body: bytes | None, key: str | None) -> J:
        headers = key_header(key)
        send = partial(self._transport.call, "POST", path, content=body, headers=headers)
        answered = self._transport.has_answered
        return self.with_raw(await retry_submission(self.sleep, send, has_answered=answered))

    async def _list(self, kind: type[R], path: str, **params: object) -> list[R]:
        page = await self._transport.get(path, **params)
        return [kind(item) for item in page["items"]]


def _job(id: str) -> str:
    return f"/v1/jobs/{quote(_text(id), safe='', errors='replace')}"


def _text(id: str) -> str:
    """The id itself, once it is known to be text that a path can hold.

    Raises:
        TypeError: the value is a job, a list of ids, None or the like.
        ValueError: the text is empty, or `.` or `..`.
    """
    if not isinstance(id, str):
        raise TypeError(f"A job is called by its id, a text such as job.id, one at a time, not by {id!r:.60}.")
    if not id.strip("."):
        raise ValueError(f"{id!r} is no job's id.")
    return id
