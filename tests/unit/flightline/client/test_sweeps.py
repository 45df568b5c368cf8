"""Sweeps in both clients: started, followed, changed; their trials as records and data frames."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest

from flightline import AsyncClient, Client, Conflict, InvalidRequest, NotFound, Sweep, UsageError
from tests.support.http_sweeps import LR, SweepService

SPACE = {LR: {"kind": "float", "low": 0.001, "high": 0.1, "log": True}}


def sent(service: SweepService) -> Any:
    """The document of the latest request."""
    return json.loads(service.requests[-1][2])


def test_a_sweep_from_start_to_end(searching: SweepService) -> None:
    """Started, waited for, its best point and its trials; every state was told."""
    with Client(searching.url) as client:
        sweep = client.sweep("notebook-linear", SPACE, max_trials=4, name="rates")
        assert sent(searching) == {
            "base": {"preset": "notebook-linear"},
            "space": SPACE,
            "max_trials": 4,
            "name": "rates",
        }
        assert (isinstance(sweep, Sweep), sweep.ended, sweep.best, sweep.counts.queued) == (True, False, None, 0)
        assert sweep.warnings == ["The space is small."]
        seen: list[int] = []
        ended = sweep.wait(on_change=lambda state: seen.append(state.points_done))
        assert ended.best is not None
        assert (ended.ended, ended.best.params[LR], ended.best.value) == (True, 0.001, 0.7)
        assert seen == sorted(set(seen))
        assert seen[-1] == 4
        assert ended == sweep.refresh()
        assert [trial.point for trial in ended.trials()] == [2, 1, 3, 0]
        assert [trial.point for trial in ended.trials(sort="number", limit=2)] == [0, 1]
        assert [event.data["status"] for event in ended.events()] == ["running", "finished"]
        assert [job.sweep for job in client.jobs(id=[ended.best.jobs[0]])] == [ended.id]
        frame = ended.to_pandas()
        assert (len(frame), frame[f"params.{LR}"][0], frame["value"][0]) == (4, 0.001, 0.7)


def test_names_stand_for_objects(searching: SweepService) -> None:
    """An algorithm and an objective may be given by name; what is left out is the service's to choose."""
    with Client(searching.url) as client:
        client.sweep({"preset": "x"}, SPACE, algorithm="tpe", objective="val_loss", asha={"min_epochs": 2})
        assert sent(searching) == {
            "base": {"preset": "x"},
            "space": SPACE,
            "algorithm": "tpe",
            "objective": "val_loss",
            "asha": {"min_epochs": 2},
        }
        client.sweep("x", SPACE, algorithm={"kind": "grid", "seed": 3})
        assert sent(searching)["algorithm"] == {"kind": "grid", "seed": 3}


def test_a_check_starts_nothing(searching: SweepService) -> None:
    """It has the first points and the cost."""
    with Client(searching.url) as client:
        check = client.check_sweep("notebook-linear", SPACE)
        assert (check.points, check.jobs, check.epochs, check.first_points[0][LR]) == (4, 8, 72, 0.1)
    assert searching.sweeps == {}


def test_what_is_refused_raises(searching: SweepService) -> None:
    """With pointers, as jobs do; a sweep that is none is said to be none before anything is sent."""
    with Client(searching.url) as client:
        with pytest.raises(InvalidRequest) as caught:
            client.sweep("notebook-linear", {})
        assert caught.value.errors[0].pointer == "/space"
        with pytest.raises(NotFound, match="no sweep abcd"):
            client.find_sweep("abcd")
        with pytest.raises(UsageError, match="preset's name"):
            client.sweep(3, SPACE)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.find_sweep(None)  # type: ignore[arg-type]


def test_changes(searching: SweepService) -> None:
    """Each returns the sweep as it is then; one that has ended can be deleted alone."""
    with Client(searching.url) as client:
        sweep = client.sweep("notebook-linear", SPACE)
        assert sweep.pause().status == "paused"
        assert sweep.resume().status == "running"
        with pytest.raises(Conflict, match="cancel it first"):
            sweep.delete()
        assert sweep.cancel().ended
        with pytest.raises(Conflict):
            sweep.resume()
        sweep.delete()
        assert list(client.sweeps()) == []


def test_lists_come_page_by_page(searching: SweepService) -> None:
    """Newest first, filtered, as many as are wanted."""
    ids = [searching.add_sweep(status="running" if number % 2 else "paused")["id"] for number in range(150)]
    with Client(searching.url) as client:
        assert [sweep.id for sweep in client.sweeps()] == ids[::-1]
        assert [sweep.id for sweep in client.sweeps(status="paused", limit=3)] == ids[148:142:-2]
        assert client.find_sweep(ids[7][-12:]).id == ids[7]


def test_a_sweep_shows_itself(searching: SweepService) -> None:
    """In a terminal and in a notebook; without a client it says what to do."""
    with Client(searching.url) as client:
        sweep = client.sweep("notebook-linear", SPACE, name="<rates>").wait()
    assert repr(sweep) == "<Sweep <rates>: finished, 4 of 4 points tried, best val_accuracy 0.7000>"
    failed = Sweep(sweep.raw | {"points_failed": 2})
    assert failed.words == "<rates>: finished, 4 of 4 points tried, 2 failed, best val_accuracy 0.7000"
    assert "&lt;rates&gt;" in sweep._repr_html_()
    assert f"<th>{LR}</th><td>0.001</td>" in sweep._repr_html_()
    copied = pickle.loads(pickle.dumps(sweep))
    with pytest.raises(UsageError, match="find_sweep"):
        copied.refresh()


def test_the_asynchronous_client(searching: SweepService) -> None:
    """The same calls, awaited."""

    async def main() -> None:
        async with AsyncClient(searching.url) as client:
            sweep = await client.sweep("notebook-linear", SPACE)
            ended = await sweep.wait()
            assert ended.best is not None
            assert ended.best.point == 2
            assert [trial.point async for trial in ended.trials(limit=1)] == [2]
            assert len(await ended.to_pandas()) == 4
            assert [one.id async for one in client.sweeps()] == [ended.id]
            assert (await client.find_sweep(ended.id[-8:])).id == ended.id
            await ended.delete()

    asyncio.run(main())
    assert searching.sweeps == {}
