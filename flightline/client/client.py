"""The client: ``from flightline import Client``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx

from flightline.client.documents import encoded, job_document, key_header
from flightline.client.downloads import save
from flightline.client.events import events
from flightline.client.records import (
    Artifact,
    Attempt,
    Check,
    Dataset,
    Epoch,
    Epochs,
    Evaluation,
    Event,
    Job,
    LogLine,
    Preset,
    Queue,
    Record,
    Worker,
)
from flightline.client.retry import retry_submission
from flightline.client.transport import Transport, default_url
from flightline.client.watch import Update, updates

PAGE = 100
WHOLE_ID = 36
R = TypeVar("R", bound=Record)


class Client:
    """Talks to one Flightline service.

    >>> client = Client()
    >>> job = client.submit("notebook-tapered", training={"epochs": 20})
    >>> job = client.wait(job.id, on_epoch=lambda epoch: print(epoch.epoch, epoch.val_accuracy))
    >>> job.result.best_val_accuracy

    What comes back has JSON's keys as attributes and the JSON itself as `raw`. Every call raises `ApiError` when the
    service refuses a request (`InvalidRequest.errors` point at each reason) and `NotReachable` when nothing answers.
    A job's `id` may be shortened to four or more characters of its end; where several jobs' ids end so, `Conflict`
    lists them. One client may be shared by threads.

    Args:
        base_url: where the service is; default `FLIGHTLINE_URL`, else the stack that runs in `FLIGHTLINE_HOME`, else
            `FLIGHTLINE_HOST` and `FLIGHTLINE_PORT` (http://127.0.0.1:8470).
        timeout: seconds to wait for an answer.
        transport: another httpx transport, for tests.
    """

    def __init__(
        self, base_url: str | None = None, *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._transport = Transport(base_url or default_url(), timeout, transport)

    @property
    def base_url(self) -> str:
        """The service's URL without user and password, as messages show it."""
        return self._transport.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections to the service; the client cannot be used afterwards."""
        self._transport.close()

    # Jobs

    def submit(self, spec: Mapping[str, Any] | str, *, idempotency_key: str | None = None, **overrides: Any) -> Job:
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
        return self._submit("/v1/jobs", encoded(job_document(spec, overrides)), idempotency_key)

    def check(self, spec: Mapping[str, Any] | str, **overrides: Any) -> Check:
        """Validate a spec and compute its cost without submitting it. Arguments and errors are those of `submit`."""
        body = encoded(job_document(spec, overrides))
        return Check(self._transport.call("POST", "/v1/jobs", params={"dry_run": True}, content=body))

    def job(self, id: str) -> Job:
        """The present state of a job. Raises `NotFound`."""
        return Job(self._transport.get(_job(id)))

    def jobs(self, *, sort: str | None = None, limit: int | None = None, **filters: object) -> Iterator[Job]:
        """Iterate over all jobs that match the filters, newest first unless sorted; pages are fetched as needed.

        Args:
            sort: ``created_at``, ``val_accuracy``, ``best_val_accuracy`` or ``finished_at``; prefix with ``-`` for
                descending.
            limit: the most jobs to yield.
            **filters: `status` (one or several), `kind`, `device`, `architecture_kind`, `preset`, `tag`, `name`,
                `min_val_accuracy`, `min_best_val_accuracy`, `created_after`, `created_before`, `config_hash`.
        """
        cursor, left = None, limit
        while left is None or left > 0:
            page = self.page(sort=sort, limit=min(PAGE, left or PAGE), cursor=cursor, **filters)
            yield from (Job(item) for item in page["items"])
            cursor = page["next_cursor"]
            left = None if left is None else left - len(page["items"])
            if cursor is None:
                return

    def page(
        self, *, sort: str | None = None, limit: int = PAGE, cursor: str | None = None, **filters: object
    ) -> dict[str, Any]:
        """One page of jobs as JSON, ``{"items": […], "next_cursor": …}``; at most 500."""
        page: dict[str, Any] = self._transport.get("/v1/jobs", sort=sort, limit=limit, cursor=cursor, **filters)
        return page

    def epochs(self, id: str, after: int = 0) -> Epochs:
        """The figures of a job's epochs after number `after`, as columns and as rows."""
        return Epochs(self._transport.get(f"{_job(id)}/epochs", after=after))

    def evaluation(self, id: str, weights: Literal["best", "last"] = "best") -> Evaluation:
        """Confusion matrix and figures per class for the best or last weights. `NotFound` before the job succeeds."""
        return Evaluation(self._transport.get(f"{_job(id)}/evaluation", weights=weights))

    def attempts(self, id: str) -> list[Attempt]:
        """The attempts at a job, the first one first: worker, device, outcome and error of each."""
        return self._list(Attempt, f"{_job(id)}/attempts")

    def log(self, id: str, after: int = 0) -> Iterator[LogLine]:
        """Iterate over a job's log after line `after`, oldest line first; pages are fetched as needed."""
        path = f"{_job(self._whole(id))}/log"
        while lines := self._list(LogLine, path, after=after, limit=PAGE):
            yield from lines
            after = lines[-1].line

    def artifacts(self, id: str) -> list[Artifact]:
        """The files that a job has stored: weights, logits and others, with size and sha256."""
        return self._list(Artifact, f"{_job(id)}/artifacts")

    def download(self, id: str, name: str, to: str | os.PathLike[str] | None = None) -> Path:
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
        whole = self._whole(id)
        artifact = next((item for item in self.artifacts(whole) if item.name == name), None)
        with self._transport.stream(f"{_job(whole)}/artifacts/{quote(name, errors='replace')}") as response:
            return save(response.iter_bytes(), name, Path(to or "."), artifact.sha256 if artifact else None)

    def cancel(self, id: str) -> Job:
        """Cancel a job: a queued job at once, a running one within about a second (see `cancel_requested`).

        Raises:
            Conflict: the job has already succeeded or failed.
        """
        return Job(self._transport.call("POST", f"{_job(id)}/cancel"))

    def retry(self, id: str, *, idempotency_key: str | None = None) -> Job:
        """Submit a job's spec again as a new job, linked by `retry_of`; the request is retried as in `submit`."""
        return self._submit(f"{_job(id)}/retry", None, idempotency_key)

    def delete(self, id: str) -> None:
        """Delete a finished job with its artifacts. Raises `Conflict` for a job that is queued or running."""
        self._transport.call("DELETE", _job(id))

    def set_priority(self, id: str, priority: int) -> Job:
        """Change the priority of a queued job: 0 to 9, where 9 is the most urgent.

        Raises:
            Conflict: the job is not queued any more.
        """
        return Job(self._transport.call("PATCH", _job(id), content=encoded({"priority": priority})))

    def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> Iterator[Event]:
        """Iterate over a job's events as they happen, those after number `after`, until the job is finished.

        Each event comes once and in order, also over a broken connection or a restart of the service. `Unavailable` or
        `NotReachable` are raised once the service has been unavailable for a minute.

        Args:
            id: the job.
            after: the `seq` of the last event that the caller has; 0 for all events.
            wait_for_room: where the service serves as many streams as it can, whether to retry for a minute too, or to
                raise `Unavailable` (``too_many_streams``) at once.
        """
        return events(self._transport, f"{_job(self._whole(id))}/events", after, wait_for_room=wait_for_room)

    def watch(self, id: str, *, after: int = 0) -> Iterator[Update]:
        """Iterate over updates of a job, its state and its new events after number `after`, until it is finished."""
        return updates(self, self._whole(id), after=after)

    def wait(self, id: str, *, on_epoch: Callable[[Epoch], object] | None = None) -> Job:
        """Block until the job is finished and return it; `on_epoch` is called with each epoch as it ends.

        An epoch is passed again when a later attempt, which resumes from a checkpoint, repeats it.
        """
        job = self.job(id)
        for update in self.watch(job.id):
            job = update.job
            for epoch in update.epochs if on_epoch else ():
                on_epoch(epoch) if on_epoch else None
        return job

    # The service

    def workers(self) -> list[Worker]:
        """The worker processes, those that send heartbeats and those that stopped lately."""
        return self._list(Worker, "/v1/workers")

    def queues(self) -> list[Queue]:
        """The queues, each with the number of waiting jobs and the age of the oldest in seconds."""
        return self._list(Queue, "/v1/queues")

    def presets(self) -> list[Preset]:
        """The presets: named partial specs that a job can start from, each with its cost."""
        return self._list(Preset, "/v1/presets")

    def datasets(self) -> list[Dataset]:
        """The data sets that a job can name, each with the copies that live workers hold."""
        return self._list(Dataset, "/v1/datasets")

    def ready(self) -> dict[str, Any]:
        """The answer of the readiness check. Raises `Unavailable` while the database or Redis does not answer."""
        answer: dict[str, Any] = self._transport.get("/readyz")
        return answer

    def _whole(self, id: str) -> str:
        """The whole id, for calls that send several requests: a new job's id may come to end like a shortened one."""
        return id if len(_text(id)) == WHOLE_ID else self.job(id).id

    def _submit(self, path: str, body: bytes | None, key: str | None) -> Job:
        headers = key_header(key)
        send = partial(self._transport.call, "POST", path, content=body, headers=headers)
        return Job(retry_submission(send, has_answered=self._transport.has_answered))

    def _list(self, kind: type[R], path: str, **params: object) -> list[R]:
        return [kind(item) for item in self._transport.get(path, **params)["items"]]


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
