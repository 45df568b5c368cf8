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
    service says no (`InvalidRequest.errors` point at each reason) and `NotReachable` when nobody answers.
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
        """The service's address."""
        return self._transport.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # Jobs

    def submit(self, spec: Mapping[str, Any] | str, *, idempotency_key: str | None = None, **overrides: Any) -> Job:
        """Submit a spec, or a preset by name; `overrides` are merged in (``training={"epochs": 20}``, ``name="try"``).

        An answer that is lost on its way is asked for again for some seconds, under the key that the job was sent with:
        that makes no second job. So is a service that has answered this client before and is being restarted.

        Args:
            spec: the job's document, or a preset's name.
            idempotency_key: to submit the same once only over several calls; a new one for each call if left out.
            **overrides: fields of the job.

        Raises:
            InvalidRequest: the spec cannot be trained; `errors` say why and where.
            UsageError: this is no spec, or no key.
        """
        return self._submit("/v1/jobs", encoded(job_document(spec, overrides)), idempotency_key)

    def check(self, spec: Mapping[str, Any] | str, **overrides: Any) -> Check:
        """Check a spec and work out its cost without submitting it; raises as `submit` does."""
        body = encoded(job_document(spec, overrides))
        return Check(self._transport.call("POST", "/v1/jobs", params={"dry_run": True}, content=body))

    def job(self, id: str) -> Job:
        """One job as it is now. Raises `NotFound`."""
        return Job(self._transport.get(_job(id)))

    def jobs(self, *, sort: str | None = None, limit: int | None = None, **filters: object) -> Iterator[Job]:
        """All jobs that pass the filters, newest first unless sorted, fetched page by page as they are taken.

        Args:
            sort: ``created_at``, ``val_accuracy``, ``best_val_accuracy`` or ``finished_at``; prefix with ``-`` for
                descending.
            limit: stop after so many.
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
        """The job's epochs past number `after`, as columns."""
        return Epochs(self._transport.get(f"{_job(id)}/epochs", after=after))

    def evaluation(self, id: str, weights: Literal["best", "last"] = "best") -> Evaluation:
        """How the best or last weights did: confusion matrix, figures per class. `NotFound` before the end."""
        return Evaluation(self._transport.get(f"{_job(id)}/evaluation", weights=weights))

    def attempts(self, id: str) -> list[Attempt]:
        """Who tried and how it ended, first attempt first."""
        return self._list(Attempt, f"{_job(id)}/attempts")

    def log(self, id: str, after: int = 0) -> Iterator[LogLine]:
        """The job's log past line `after`, oldest first, fetched in parts as it is taken."""
        path = f"{_job(self._whole(id))}/log"
        while lines := self._list(LogLine, path, after=after, limit=PAGE):
            yield from lines
            after = lines[-1].line

    def artifacts(self, id: str) -> list[Artifact]:
        """The files that the job left."""
        return self._list(Artifact, f"{_job(id)}/artifacts")

    def download(self, id: str, name: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Fetch one artifact, check its sha256 and return where it lies.

        Args:
            id: the job.
            name: the artifact's `name`.
            to: a file in a folder that is there, or a folder; default the current folder. A file that is there is
                replaced.

        Raises:
            ChecksumMismatch: it did not arrive whole; nothing is left behind.
            UsageError: there is no such folder.
        """
        if not isinstance(name, str):
            raise TypeError(f"A file is called by its artifact's name, a text, not {name!r:.60}.")
        whole = self._whole(id)
        artifact = next((item for item in self.artifacts(whole) if item.name == name), None)
        with self._transport.stream(f"{_job(whole)}/artifacts/{quote(name, errors='replace')}") as response:
            return save(response.iter_bytes(), name, Path(to or "."), artifact.sha256 if artifact else None)

    def cancel(self, id: str) -> Job:
        """Cancel a job: a queued one at once, a running one within a second or so (see `cancel_requested`).

        Raises:
            Conflict: it has already succeeded or failed.
        """
        return Job(self._transport.call("POST", f"{_job(id)}/cancel"))

    def retry(self, id: str, *, idempotency_key: str | None = None) -> Job:
        """Submit the same spec again as a new job, linked by `retry_of`; a lost answer is asked for as in `submit`."""
        return self._submit(f"{_job(id)}/retry", None, idempotency_key)

    def delete(self, id: str) -> None:
        """Delete a finished job with its artifacts. Raises `Conflict` for one that is queued or running."""
        self._transport.call("DELETE", _job(id))

    def set_priority(self, id: str, priority: int) -> Job:
        """Let a queued job start earlier or later: 0 to 9, 9 is the most urgent.

        Raises:
            Conflict: it is not queued any more.
        """
        return Job(self._transport.call("PATCH", _job(id), content=encoded({"priority": priority})))

    def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> Iterator[Event]:
        """What happens to the job, as it happens, from the start or past event number `after`, until it is finished.

        Each event comes once, in order; a broken connection or a service that is restarted costs none. `Unavailable` or
        `NotReachable` are raised once the service has been unavailable for a minute.

        Args:
            id: the job.
            after: the `seq` of the last event that is known already.
            wait_for_room: whether a service with as many streams as it can serve is asked again for as long, or raises
                `Unavailable` (``too_many_streams``) at once.
        """
        return events(self._transport, f"{_job(self._whole(id))}/events", after, wait_for_room=wait_for_room)

    def watch(self, id: str, *, after: int = 0) -> Iterator[Update]:
        """The job with what is new about it (past event number `after`) as it happens, until it is finished."""
        return updates(self, self._whole(id), after=after)

    def wait(self, id: str, *, on_epoch: Callable[[Epoch], object] | None = None) -> Job:
        """Block until the job is finished and return it; `on_epoch` is called with each epoch as it comes.

        An epoch comes again where a later attempt runs it again, from a checkpoint.
        """
        job = self.job(id)
        for update in self.watch(job.id):
            job = update.job
            for epoch in update.epochs if on_epoch else ():
                on_epoch(epoch) if on_epoch else None
        return job

    # The service

    def workers(self) -> list[Worker]:
        """The processes that train, live and recently gone."""
        return self._list(Worker, "/v1/workers")

    def queues(self) -> list[Queue]:
        """Depth and oldest age of each queue."""
        return self._list(Queue, "/v1/queues")

    def presets(self) -> list[Preset]:
        """The named partial specs."""
        return self._list(Preset, "/v1/presets")

    def datasets(self) -> list[Dataset]:
        """The data sets, and what the live workers hold of them."""
        return self._list(Dataset, "/v1/datasets")

    def ready(self) -> dict[str, Any]:
        """What the service says about its database and Redis. Raises `Unavailable` when one is missing."""
        answer: dict[str, Any] = self._transport.get("/readyz")
        return answer

    def _whole(self, id: str) -> str:
        """The whole id, for calls that ask again and again: a short one may come to fit another job as well."""
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
    """The id, which must be one.

    Raises:
        TypeError: it is a job, a list of ids, None, …
        ValueError: it is empty, or a step in a path.
    """
    if not isinstance(id, str):
        raise TypeError(f"A job is called by its id, a text such as job.id, one at a time, not by {id!r:.60}.")
    if not id.strip("."):
        raise ValueError(f"{id!r} is no job's id.")
    return id
