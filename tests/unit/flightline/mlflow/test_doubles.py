"""Exports at the same time to one server: one run of each job and sweep stays, in whichever order requests arrive."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from flightline.client.jobs import Job
from flightline.client.records import Epochs
from flightline.client.search.sweep_records import SweepRecord
from flightline.mlflow.export import export
from flightline.mlflow.server import Server
from tests.support.fake_mlflow import FakeMlflow, InTurn, Turns

URL = "http://mlflow.test:5000"
SWEEP = "01976b9c-5d2e-7c3a-9f1e-000000000001"


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes longer than all else, and no test here speaks TLS."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: False)


def job(sweep: str | None = None) -> Job:
    """A finished job without epochs, perhaps of a sweep."""
    known = dict.fromkeys(("name", "owner", "preset", "notes", "error", "device"))
    instants = dict.fromkeys(("created_at", "started_at", "finished_at"), "2026-01-31T12:00:00.000Z")
    whole = {"id": "01976b9c-5d2e-7c3a-9f1e-0a1b2c3d4e5f", "kind": "train", "status": "succeeded", "tags": []}
    return Job({**known, **instants, **whole, "sweep": sweep, "spec_hash": "a", "config_hash": "b", "spec": {"a": 1}})


class Service:
    """What an export asks a client for."""

    base_url = "http://127.0.0.1:8470"

    def attempts(self, _job_id: str) -> list[Any]:
        """None of a job."""
        return []

    def epochs(self, _job_id: str) -> Epochs:
        """None of a job."""
        figures: tuple[str, ...] = ("epoch", "train_loss", "train_accuracy", "last_batch_loss", "val_loss")
        return Epochs({name: [] for name in (*figures, "val_accuracy", "lr", "seconds", "samples_per_second")})

    def find_sweep(self, sweep_id: str) -> SweepRecord:
        """A sweep that goes on and has no value yet."""
        asked = dict.fromkeys(("algorithm", "objective", "asha", "max_trials", "max_parallel", "repeats"), 1)
        more: dict[str, Any] = {"best": None, "finished_at": None, "owner": None, "name": "s", "space": {}}
        return SweepRecord({**asked, **more, "id": sweep_id, "created_at": "2026-01-31T12:00:00.000Z"})


def exported(server: FakeMlflow, order: Sequence[str], most: dict[str, int], sweep: str | None = None) -> Counter[str]:
    """Export one job as many times at once as `most` has names, with the requests in this order."""
    turns = Turns(order, list(most))

    def once(name: str) -> Counter[str]:
        try:
            with Server(URL, InTurn(server, turns, name, most[name])) as connection:
                return export(Service(), connection, [job(sweep)], experiment="x", artifacts=False)  # type: ignore[arg-type]
        except KeyboardInterrupt:
            return Counter()
        finally:
            turns.end(name)

    with ThreadPoolExecutor(len(most)) as pool:
        return sum(pool.map(once, most), Counter())


def tags(run: dict[str, Any]) -> dict[str, str]:
    """A run's tags."""
    return {one["key"]: one["value"] for one in run["data"]["tags"]}


def left(server: FakeMlflow, tag: str = "flightline.job") -> list[str]:
    """How far the runs are that stand for jobs, or have another tag, and are not deleted."""
    active = [run for run in server.runs.values() if run["info"]["lifecycle_stage"] == "active"]
    return [tags(run)["flightline.exported"] for run in active if tag in tags(run)]


def plain(server: FakeMlflow, sweep: str | None = None) -> Counter[str]:
    """One more export, by itself."""
    with Server(URL, httpx.MockTransport(server.answer)) as connection:
        return export(Service(), connection, [job(sweep)], experiment="x", artifacts=False)  # type: ignore[arg-type]


def schedules(number: int, names: str) -> Iterator[tuple[list[str], list[str], dict[str, int]]]:
    """Orders of requests, ids of runs, and where each export is interrupted: half of them are not."""
    dice = random.Random(7)
    for _ in range(number):
        order = [name for name in names for _ in range(20)]
        dice.shuffle(order)
        ids = [f"{place:02}" for place in range(20)]
        dice.shuffle(ids)
        yield order, ids, {name: dice.choice([1000, dice.randrange(14)]) for name in names}


def test_a_run_that_is_created_before_another_is_called_whole() -> None:
    """The first export has looked its last time before: the second, whose run has the smaller id, must not stay too."""
    server = FakeMlflow("21")
    looked = "abab" + "aaaa" + "bbbb"
    exported(server, looked + "aabb", {"a": 1000, "b": 1000})
    assert left(server) == ["whole"]
    assert server.runs["1"]["info"]["lifecycle_stage"] == "active"
    assert plain(server) == {"there": 1}


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_any_order_of_requests_leaves_one_run_of_a_job(names: str) -> None:
    """Exports that all come to their end leave it by themselves; after an interrupted one the next export does."""
    for order, ids, most in schedules(100, names):
        server = FakeMlflow(ids)
        fates = exported(server, order, most)
        if min(most.values()) == 1000:
            assert left(server) == ["whole"], (order, ids, most)
            assert fates["exported"]
        plain(server)
        assert left(server) == ["whole"], (order, ids, most)


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_any_order_of_requests_leaves_one_run_of_a_sweep(names: str) -> None:
    """With the job's run below it."""
    for order, ids, most in schedules(50, names):
        server = FakeMlflow(ids)
        exported(server, order, most, SWEEP)
        if min(most.values()) < 1000:
            plain(server, SWEEP)
        active = [run for run in server.runs.values() if run["info"]["lifecycle_stage"] == "active"]
        [parent] = [run["info"]["run_id"] for run in active if "flightline.sweep_run" in tags(run)]
        below = [tags(run)["mlflow.parentRunId"] for run in active if "flightline.job" in tags(run)]
        assert below == [parent], (order, ids, most)
        assert left(server, "flightline.sweep_run") == ["whole"]


def test_doubles_of_an_earlier_release_are_deleted() -> None:
    """Both of them whole: the next export keeps one; and one that was deleted there stays deleted."""
    server = FakeMlflow("b")
    plain(server)
    server.runs["a"] = copy.deepcopy(server.runs["b"])
    server.runs["a"]["info"]["run_id"] = "a"
    assert left(server) == ["whole", "whole"]
    assert plain(server) == {"there": 1}
    assert [server.runs[name]["info"]["lifecycle_stage"] for name in "ab"] == ["active", "deleted"]
    server.runs["a"]["info"]["lifecycle_stage"] = "deleted"
    assert plain(server) == {"there": 1}
    assert left(server) == []
