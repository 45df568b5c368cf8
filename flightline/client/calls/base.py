"""What all calls stand on: the transport, ids, lists, submissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from flightline.client.documents import key_header
from flightline.client.records import JobRecord, Record
from flightline.client.retry import retry_submission
from flightline.client.transport import Transport

PAGE = 100
WHOLE_ID = 36
R = TypeVar("R", bound=Record)
J = TypeVar("J", bound=JobRecord)


class BaseCalls(Generic[J]):
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

    @property
    def signed_in(self) -> bool:
        """Whether requests carry a token; whether the service accepts it shows with the first of them."""
        return self._transport.signed_in

    async def close(self) -> None:
        """Close all connections to the service; the client cannot be used afterwards."""
        await self._transport.close()

    async def job(self, id: str) -> J:
        """The present state of a job. Raises `NotFound`."""
        return self.with_raw(await self._transport.get(job_path(id)))

    async def page(
        self, /, *, sort: str | None = None, limit: int = PAGE, cursor: str | None = None, **filters: object
    ) -> dict[str, Any]:
        """One page of jobs as JSON, ``{"items": […], "next_cursor": …}``; at most 500. Filters are those of `jobs`."""
        if isinstance(fields := filters.get("fields"), list | tuple):
            filters["fields"] = ",".join(fields)
        page: dict[str, Any] = await self._transport.get("/v1/jobs", sort=sort, limit=limit, cursor=cursor, **filters)
        return page

    async def _whole(self, id: str) -> str:
        """The whole id, for calls that send several requests: a new job's id may come to end like a shortened one."""
        return id if len(checked_id(id)) == WHOLE_ID else (await self.job(id)).id

    async def _ids(self, jobs: Iterable[JobRecord | str]) -> list[str]:
        """The whole ids of jobs, in their order."""
        return [job.id if isinstance(job, JobRecord) else await self._whole(job) for job in several(jobs)]

    async def _submit(self, path: str, body: bytes | None, key: str | None, **params: object) -> J:
        return self.with_raw(await self._post_once(path, body, key, **params))

    async def _post_once(self, path: str, body: bytes | None, key: str | None, **params: object) -> dict[str, Any]:
        """The answer to a request that makes jobs, sent again under its key while its fate is unknown."""
        send = partial(self._transport.call, "POST", path, params=params, content=body, headers=key_header(key))
        answer: dict[str, Any] = await retry_submission(self.sleep, send, has_answered=self._transport.has_answered)
        return answer

    async def _list(self, kind: type[R], path: str, **params: object) -> list[R]:
        page = await self._transport.get(path, **params)
        return [kind(item) for item in page["items"]]


def several(jobs: Iterable[JobRecord | str]) -> Iterable[JobRecord | str]:
    """The jobs themselves, once they are known to be several, not one.

    Raises:
        TypeError: the value is one job or its id.
    """
    if isinstance(jobs, str | Mapping):
        raise TypeError(f"Pass a list of jobs or of their ids, not {jobs!r:.60}.")
    return jobs


def job_path(id: str) -> str:
    """The path of a job's resource, once the id is known to be text that a path can hold (see `checked_id`)."""
    return f"/v1/jobs/{quote(checked_id(id), safe='', errors='replace')}"


def checked_id(id: str) -> str:
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
