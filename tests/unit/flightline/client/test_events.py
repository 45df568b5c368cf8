"""A job's events: each once, whatever happens to the connection; and what is made of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from flightline import Client, Epochs, Event, Job, NotFound, Unavailable
from flightline.client.blocking import iterate
from flightline.client.following.events import parsed
from flightline.client.following.watch import updates
from flightline.client.rows import AsyncRows
from tests.support.coroutines import each
from tests.support.http_service import FakeService, problem

STREAM = (
    b"retry: 1000\n\n: keep-alive\n\n"
    b'id: 1\nevent: status\ndata: {"status":"queued"}\n\n'
    b'id: 12\nevent: epoch\ndata: {"note":"a\xe2\x80\xa8b: c"}\n\n'
    b"id: 13\nevent: epoch\nda"
)
EVENTS = [
    Event({"seq": 1, "kind": "status", "data": {"status": "queued"}}),
    Event({"seq": 12, "kind": "epoch", "data": {"note": "a\u2028b: c"}}),
]
FULL = problem(503, "too_many_streams", "No room.")


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_chunks_of_any_size_give_the_same_events(size: int) -> None:
    """Where the network cuts the stream does not matter; an event that is not whole is none."""
    chunks = each(STREAM[start : start + size] for start in range(0, len(STREAM), size))
    assert list(iterate(parsed(chunks))) == EVENTS


def test_events_from_the_start_to_the_end(client: Client, service: FakeService) -> None:
    """The iterator ends with the job, asking once; afterwards it can be had again, from anywhere."""
    job_id = service.add(epochs=2)["id"]
    seen = list(client.events(job_id))
    assert [event.raw for event in seen] == service.history[job_id]
    assert [event.seq for event in seen] == [1, 2, 3, 4, 5]
    assert [event.kind for event in seen] == ["status", "status", "epoch", "epoch", "status"]
    assert seen[-1].data["status"] == "succeeded"
    assert len(service.requests) == 1
    assert list(client.events(job_id, after=3)) == seen[3:]
    assert list(client.events(job_id, after=5)) == []


@pytest.mark.parametrize("seq", range(1, 8))
@pytest.mark.parametrize("how", ["cut", "end_after"])
def test_a_stream_that_ends_too_early_is_taken_up_again(
    client: Client, service: FakeService, how: str, seq: int
) -> None:
    """A connection that breaks within an event, or is closed after one, costs no event and repeats none."""
    getattr(service, how).add(seq)
    job_id = service.add(epochs=4)["id"]
    assert [event.seq for event in client.events(job_id)] == list(range(1, 8))


@pytest.mark.parametrize("code", ["database_unavailable", "too_many_streams"])
def test_a_service_that_is_away_is_waited_for(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A 503 is asked again after its `Retry-After`, until patience is over."""
    monkeypatch.setattr("flightline.client.retry.RETRY_SECONDS", 3600.0)
    job_id = service.add(epochs=1)["id"]
    path = f"GET /v1/jobs/{job_id}/events"
    service.refuse[path] = problem(503, code, "Away.")
    events: list[Event] = []
    reader = threading.Thread(target=lambda: events.extend(client.events(job_id)))
    reader.start()
    while len(service.requests) < 3:
        reader.join(0.001)
    del service.refuse[path]
    reader.join()
    assert [event.seq for event in events] == [1, 2, 3, 4]
    service.refuse[path] = problem(503, code, "Away.")
    monkeypatch.setattr("flightline.client.retry.OUTAGE_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="Away"):
        next(client.events(job_id))


@pytest.mark.parametrize("follow", [Client.events, Client.watch], ids=["events", "watch"])
@pytest.mark.parametrize("part", ["", "/events"])
def test_what_lasts_until_somebody_acts_is_not_waited_for(
    client: Client, service: FakeService, follow: Callable[[Client, str], Iterator[object]], part: str
) -> None:
    """A stream that breaks and finds `retryable: false` raises at once, however patient the client is."""
    service.end_after.add(2)
    job_id = service.add(epochs=3)["id"]
    following = follow(client, job_id)
    next(following)
    status, lasting = problem(503, "database_unavailable", "Run `flightline migrate`.")
    service.refuse |= {
        f"GET /v1/jobs/{job_id}{one}": (status, lasting | {"retryable": False}) for one in {part, "/events"}
    }
    service.requests.clear()
    with pytest.raises(Unavailable, match="flightline migrate"):
        list(following)
    assert len(service.requests) == 1


def test_no_such_job(client: Client, service: FakeService) -> None:
    """A job that is not there raises, also when it is deleted between two connections."""
    with pytest.raises(NotFound):
        next(client.events("x"))
    service.end_after.add(1)
    job_id = service.add(status="queued")["id"]
    events = client.events(job_id)
    assert next(events).seq == 1
    del service.jobs[job_id]
    with pytest.raises(NotFound):
        next(events)


def watched(client: Client, job_id: str) -> Iterator[tuple[int, str]]:
    """(seq, kind) of everything that a watch tells; its last update alone is of a finished job."""
    finished: list[bool] = []
    for update in client.watch(job_id):
        finished.append(update.job.finished)
        yield from ((event.seq, event.kind) for event in update.events)
    assert finished == [False] * (len(finished) - 1) + [True]


def test_watch_tells_each_event_once(client: Client, service: FakeService) -> None:
    """A watch has every event and ends with the finished job, also where that was finished before."""
    job_id = service.add(epochs=5)["id"]
    everything = list(watched(client, job_id))
    assert everything == [(event["seq"], event["kind"]) for event in service.history[job_id]]
    assert list(watched(client, job_id)) == everything
    assert len(list(client.watch(job_id))) == 1
    assert [event.seq for update in client.watch(job_id, after=6) for event in update.events] == [7, 8]


class Recorded:
    """A job's reads as they were: each state is that of the job when the event of that place was read."""

    def __init__(self, states: list[Job], events: list[Event]) -> None:
        self._states = iter(states)
        self._events = events

    async def job(self, id: str) -> Job:
        """The next state."""
        return next(self._states)

    def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> AsyncRows[Event]:
        """All of them."""
        return AsyncRows(each(self._events))

    async def epochs(self, id: str, after: int = 0) -> Epochs:
        """Nobody asks."""
        raise AssertionError

    async def sleep(self, seconds: float) -> None:
        """Nobody waits."""
        raise AssertionError

    def with_raw(self, raw: Mapping[str, Any]) -> Job:
        """A job of this JSON."""
        return Job(raw)


def test_watch_goes_back_with_a_resumed_attempt() -> None:
    """The job that comes with a `resumed` event stands before the epoch that is run again, and moves on from there."""

    def state(epoch: int, status: str = "running") -> Job:
        return Job({"status": status, "attempts": 2, "progress": {"epoch": epoch, "epochs": 7}})

    resumed = Event({"seq": 8, "kind": "resumed", "data": {"attempt": 2, "from_epoch": 3}})
    again = [Event({"seq": 6 + n, "kind": "epoch", "data": {"attempt": 2, "epoch": n}}) for n in (3, 4)]
    last = Event({"seq": 11, "kind": "status", "data": {"status": "cancelled"}})
    # The service's own figure stays at 6 until the attempt has finished an epoch; one read is an epoch ahead.
    reads = Recorded([state(6), state(6), state(4), state(4, "cancelled")], [resumed, *again, last])
    assert [(update.job.progress.epoch, update.events) for update in iterate(updates(reads, "x", after=7))] == [
        (6, ()),
        (2, (resumed,)),
        (4, (again[0],)),
        (4, (again[1],)),
        (4, (last,)),
    ]


@pytest.mark.parametrize("resume", [None, 3])
def test_watch_asks_again_and_again_where_there_is_no_room(
    client: Client, service: FakeService, resume: int | None
) -> None:
    """Without a stream all epochs come too, those that are run again again; nothing waits for room."""
    service.resume = resume
    job_id = service.add(epochs=4)["id"]
    service.refuse[f"GET /v1/jobs/{job_id}/events"] = FULL
    told = [(seq, kind) for seq, kind in watched(client, job_id) if kind == "epoch"]
    assert told == [(event["seq"], event["kind"]) for event in service.history[job_id] if event["kind"] == "epoch"]
    assert sum(path.endswith("/events") for _, path, _ in service.requests) == 1


def test_watch_goes_on_asking_where_room_is_lost(client: Client, service: FakeService) -> None:
    """A stream that breaks and finds no room any more is followed up without repeating or missing an epoch."""
    service.end_after.add(4)
    job_id = service.add(epochs=5)["id"]
    seen: list[int] = []
    for update in client.watch(job_id):
        seen += [epoch.seq for epoch in update.epochs]
        if update.events:
            service.refuse[f"GET /v1/jobs/{job_id}/events"] = FULL
    assert seen == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("part", ["", "/events"])
def test_watch_survives_a_service_that_is_away(client: Client, service: FakeService, part: str) -> None:
    """A restart of the API in the middle ends no watch."""
    service.end_after.add(3)
    job_id = service.add(epochs=3)["id"]
    path = f"GET /v1/jobs/{job_id}{part}"
    service.refuse[path] = problem(503, "database_unavailable", "Away.")
    back = threading.Timer(0.05, service.refuse.pop, [path])
    back.start()
    epochs = [epoch.epoch for update in client.watch(job_id) for epoch in update.epochs]
    back.join()
    assert epochs == [1, 2, 3]


def test_watch_gives_up_in_the_end(client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stays away raises its error once patience is over; a missing job raises at once."""
    monkeypatch.setattr("flightline.client.retry.OUTAGE_SECONDS", 0.0)
    service.refuse["GET /v1/jobs/x"] = problem(503, "database_unavailable", "Away.")
    with pytest.raises(Unavailable, match="Away"):
        next(client.watch("x"))
    with pytest.raises(NotFound):
        next(client.watch("y"))
