"""The asynchronous client: the same calls, awaited, on an event loop of its own."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import flightline.client.following.watch
import flightline.client.retry
from flightline import AsyncClient, AsyncJob, AsyncSweep, Client, Job, NotFound, NotReachable, Sweep, Unavailable
from flightline.client.blocking import iterate, run
from flightline.client.calls import Calls
from flightline.client.calls.sweeps import SweepCalls
from tests.support.http_service import FakeService, problem

Use = Callable[[AsyncClient], Awaitable[None]]


def using(service: FakeService, use: Use) -> None:
    """Run a coroutine function with a client of the service."""

    async def main() -> None:
        async with AsyncClient(service.url) as client:
            await use(client)

    asyncio.run(main())


def test_both_clients_have_the_same_calls() -> None:
    """And both kinds of jobs: what one has the other has, with the same arguments."""
    of_calls = {name for name in (*dir(Calls), *dir(SweepCalls)) if not name.startswith("_")}
    of_client = {name for name in vars(Client) if not name.startswith("_")}
    assert of_calls == of_client
    assert of_calls == {name for name in dir(AsyncClient) if not name.startswith("_")}
    assert {name for name in vars(Sweep) if name[0] != "_"} == {name for name in vars(AsyncSweep) if name[0] != "_"}
    for kind in (Job, AsyncJob):
        assert {"wait", "plot", "model"} <= set(vars(kind))
    assert {name for name in vars(Job) if name[0] != "_"} == {name for name in vars(AsyncJob) if name[0] != "_"}


def test_a_job_from_start_to_end(service: FakeService, tmp_path: Path) -> None:
    """Submitted, waited for, its events, log, epochs and file; the requests are those of the blocking client."""

    async def use(client: AsyncClient) -> None:
        job = await client.submit("notebook-tapered", training={"epochs": 3})
        assert json.loads(service.requests[-1][2]) == {"preset": "notebook-tapered", "training": {"epochs": 3}}
        seen: list[int] = []
        ended = await job.wait(on_epoch=lambda epoch: seen.append(epoch.epoch))
        assert (isinstance(ended, AsyncJob), ended.succeeded, seen) == (True, True, [1, 2, 3])
        assert await job.refresh() == ended
        assert [event.seq async for event in ended.events()] == [1, 2, 3, 4, 5, 6]
        assert [line.line async for line in client.log(job.id[-12:])] == [1, 2, 3]
        assert (await ended.epochs()).epoch == [1, 2, 3]
        assert [one.id async for one in client.jobs(limit=1)] == [job.id]
        assert [update.job.succeeded async for update in ended.watch()] == [True]
        service.sha256 = "1d2a3f"
        assert (await ended.model()).save(tmp_path).read_bytes() == b"weights"
        assert "0.8300" in ended._repr_html_()

    using(service, use)


def test_many_jobs_are_watched_at_once(service: FakeService) -> None:
    """On one loop, without a thread."""
    ids = [service.add(epochs=4)["id"] for _ in range(20)]

    async def use(client: AsyncClient) -> None:
        ended = await asyncio.gather(*(client.wait(one) for one in ids))
        assert [job.id for job in ended] == ids
        assert all(job.succeeded for job in ended)

    using(service, use)


def test_a_broken_stream_is_taken_up_again(service: FakeService) -> None:
    """As in the blocking client: nothing twice, nothing missing."""
    service.cut |= {2, 4}
    service.end_after.add(3)
    job_id = service.add(epochs=4)["id"]

    async def use(client: AsyncClient) -> None:
        assert [event.seq async for event in client.events(job_id)] == list(range(1, 8))

    using(service, use)


def test_errors_are_the_same(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals, outages and addresses where nobody listens."""
    monkeypatch.setattr("flightline.client.retry.OUTAGE_SECONDS", 0.0)
    service.refuse["GET /v1/jobs/x/events"] = problem(503, "database_unavailable", "Away.")
    whole = service.add()["id"]
    service.refuse[f"GET /v1/jobs/{whole}/events"] = problem(503, "database_unavailable", "Away.")

    async def use(client: AsyncClient) -> None:
        with pytest.raises(NotFound, match="There is no job nothing"):
            await client.job("nothing")
        with pytest.raises(Unavailable, match="Away"):
            await anext(client.events(whole))
        async with AsyncClient("http://127.0.0.1:9") as nobody:
            with pytest.raises(NotReachable, match="flightline up"):
                await nobody.workers()

    using(service, use)


def test_leaving_an_iteration_ends_its_connection(service: FakeService) -> None:
    """The stream is closed when the iterator is; the client goes on."""
    job_id = service.add(status="queued")["id"]

    async def use(client: AsyncClient) -> None:
        events = client.events(job_id)
        assert (await anext(events)).seq == 1
        await events.aclose()
        assert (await client.job(job_id)).status == "queued"

    using(service, use)


def test_waiting_lets_other_tasks_run(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of the client is a pause of its task alone."""
    monkeypatch.setattr(flightline.client.following.waiting, "POLL_SECONDS", 0.01)
    job_id = service.add(epochs=3)["id"]
    turns: list[int] = []

    async def beside() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def use(client: AsyncClient) -> None:
        other = asyncio.create_task(beside())
        assert [job.succeeded for job in await client.wait_all([job_id])] == [True]
        other.cancel()

    using(service, use)
    assert len(turns) > 3


def test_a_blocking_client_works_within_a_loop(service: FakeService) -> None:
    """As in a notebook, whose cells run inside one: calls, iterations, and iterations that are left."""
    job_id = service.add(epochs=3)["id"]

    async def main() -> None:
        with Client(service.url) as client:
            assert next(client.events(job_id)).seq == 1
            assert client.wait(job_id).succeeded
            assert [event.seq for event in client.events(job_id)] == [1, 2, 3, 4, 5, 6]

    asyncio.run(main())


def test_a_coroutine_that_suspends_is_no_blocking_call() -> None:
    """It is closed and named as the mistake that it is."""
    ended: list[bool] = []

    async def suspends() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    with pytest.raises(RuntimeError, match="has suspended"):
        run(suspends())
    assert ended == [True]


def test_a_blocking_iteration_closes_what_it_iterates() -> None:
    """When it is left, when it ends, and when an error ends it."""
    ended: list[str] = []

    async def items() -> Any:
        try:
            yield 1
            raise KeyError("two")
        finally:
            ended.append("closed")

    iterator = iterate(items())
    assert next(iterator) == 1
    del iterator
    assert ended == ["closed"]
    with pytest.raises(KeyError):
        list(iterate(items()))
    assert ended == ["closed"] * 2
    assert inspect.isgenerator(iterate(items()))


def test_a_transport_for_tests() -> None:
    """An httpx transport may be given, as to the blocking client."""

    async def main() -> None:
        answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"status": "ready"}))
        async with AsyncClient("http://x", transport=answer) as client:
            assert await client.ready() == {"status": "ready"}

    asyncio.run(main())
