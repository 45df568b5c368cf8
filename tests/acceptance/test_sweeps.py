"""Sweeps on a real stack, as somebody types them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flightline import Client
from tests.support.stacks import LONG, TINY, Stack, flightline, until

ROOT = Path(__file__).resolve().parents[2]
LR = "training.optimizer.lr"
SPACE = {LR: {"kind": "float", "low": 0.001, "high": 0.5, "log": True}}
BASE = {**TINY, "training": {"epochs": 4, "batch_size": 32}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two workers, which needs no images."""
    with closing(Stack(tmp_path_factory.mktemp("sweeps") / "home", "cpu=2,predict=0")) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A client of it."""
    with Client(stack.ready["url"]) as client:
        yield client


def file(folder: Path, **asked: Any) -> str:
    """A file that describes a sweep."""
    path = folder / "sweep.json"
    path.write_text(json.dumps({"base": BASE, "space": SPACE, "max_parallel": 2} | asked))
    return str(path)


@pytest.mark.timeout(300)
def test_a_search_that_stops_what_is_not_worth_it(stack: Stack, client: Client, tmp_path: Path) -> None:
    """It is watched to its end; what went on equals a run that never stopped, and the rest say why they ended."""
    asked = file(tmp_path, name="rates", asha={"min_epochs": 1, "eta": 2}, max_trials=5)
    done = flightline(stack.home, "sweep", asked, "--watch")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert re.search(r"^rates finished: 5 points, best [\d.]+ % at lr=[\d.e-]+$", done.stdout, re.MULTILINE)

    shown = json.loads(flightline(stack.home, "sweep", "show", "last", "--json").stdout)
    assert (shown["status"], shown["points_done"], shown["counts"]["paused"]) == ("finished", 5, 0)
    assert shown["epochs_trained"] + shown["epochs_saved"] == 5 * 4
    assert shown["epochs_saved"] > 0
    jobs = list(client.jobs(sweep=shown["id"]))
    stopped = [job for job in jobs if job.status == "cancelled"]
    assert {job.status for job in jobs} == {"succeeded", "cancelled"}
    assert stopped
    assert (shown["counts"]["stopped"], shown["counts"]["cancelled"]) == (len(stopped), 0)
    for job in stopped:
        assert job.error is not None
        reason = r"Stopped by its sweep after epoch [12] of 4: \d of \d there (was|were) at least as good\."
        assert re.fullmatch(reason, str(job.error.detail))
        assert len(client.epochs(job.id)) == job.progress.epoch
    best = client.job(shown["best"]["jobs"][0])
    assert best.result is not None
    assert (best.succeeded, best.attempts > 1, best.result.best_val_accuracy) == (True, True, shown["best"]["value"])
    board = json.loads(flightline(stack.home, "leaderboard", "--sweep", "last", "--json").stdout)
    ended = [row["job_ids"] for row in board["items"]]
    assert sorted(ended) == sorted([job.id] for job in jobs if job.succeeded)
    again = best.retry(cache="off").wait()
    assert (again.succeeded, again.served_from, again.attempts) == (True, None, 1)
    figures = ("train_loss", "val_loss", "val_accuracy", "lr")
    assert [again.epochs()[name] for name in figures] == [best.epochs()[name] for name in figures]
    board = json.loads(flightline(stack.home, "leaderboard", "--sweep", "last", "--json").stdout)
    assert sorted(row["job_ids"] for row in board["items"] if best.id in row["job_ids"]) == [[again.id, best.id]]


@pytest.mark.timeout(300)
def test_two_at_once_of_which_one_is_cancelled(stack: Stack, client: Client) -> None:
    """Both get their turns; a cancel in the middle ends one with its jobs, and leaves the other alone."""
    long = client.sweep(LONG, SPACE, name="long", max_parallel=2)
    short = client.sweep(
        BASE, SPACE, name="short", max_trials=3, max_parallel=2, algorithm={"kind": "random", "seed": 1}
    )
    until(lambda: long.refresh().counts.running)
    done = flightline(stack.home, "sweep", "cancel", long.id[-8:])
    assert (done.returncode, done.stdout) == (0, f"long is cancelled, and its jobs with it. Sweep {long.id}\n")

    ended = long.wait()
    assert (ended.status, ended.counts.stopped, ended.counts.queued) == ("cancelled", 2, 0)
    assert short.wait().counts.succeeded == 3
    ended.delete()
    assert [sweep.id for sweep in client.sweeps(status="cancelled")] == []
    assert len(list(client.jobs(sweep=long.id))) == 2


@pytest.mark.timeout(120)
def test_the_example(stack: Stack) -> None:
    """The service would take it as it is."""
    done = flightline(stack.home, "sweep", str(ROOT / "examples" / "sweep.json"), "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 points, 6 jobs, 24 epochs at most, stops after 1, 2; " in done.stdout
