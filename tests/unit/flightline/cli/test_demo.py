"""The demo over a service that is there already."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import flightline.cli.demo
from flightline.client.client import Client
from flightline.client.following.watch import Following
from flightline.errors import StackError
from shared.database.engine import Database
from shared.people import secrets, tokens
from tests.support.http_answers import CATALOG
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run


@pytest.fixture(autouse=True)
def stack(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The fake service in the place of a stack, and what became of that stack."""
    states: list[str] = []

    @contextmanager
    def fake(_home: Path, _workers: str | None) -> Iterator[str]:
        states.append("up")
        try:
            yield service.url
        finally:
            states.append("down")

    monkeypatch.setattr(flightline.cli.demo, "_stack", fake)
    return states


def submitted(service: FakeService) -> list[dict[str, Any]]:
    """What was submitted, in order."""
    return [json.loads(body) for method, path, body in service.requests if (method, path) == ("POST", "/v1/jobs")]


def test_four_networks_on_real_images(run: Run, service: FakeService, stack: list[str]) -> None:
    """The notebook's three and the convnet are trained on CIFAR-2, and stand in one table with reported figures."""
    outcome = run("demo", "--epochs", "2")
    assert (outcome.code, stack) == (0, ["up", "down"])
    sent = {job["preset"]: job for job in submitted(service)}
    assert sent.keys() == {"notebook-linear", "notebook-tapered", "notebook-tapered-logits", "convnet"}
    assert sent.pop("convnet")["training"] == {"epochs": 1, "precision": "fp32"}
    assert all((job["dataset"], job["training"]) == ("cifar2", {"epochs": 2}) for job in sent.values())
    table = outcome.out[outcome.out.index("NETWORK") :]
    assert "notebook-linear                 3,737,474   2       0.5000      0.6000    81.0 %      83.0 %  1 m" in table
    assert "about 80 %" in table
    assert "about 83 %" in table
    assert "95.5 %" in table
    assert "NO REAL IMAGES" not in outcome.err


def test_it_ends_by_saying_where_to_look(run: Run, service: FakeService) -> None:
    """How to start the stack anew, and the view that compares the four."""
    outcome = run("demo", "--epochs", "2")
    start, address = outcome.out.splitlines()[-2:]
    assert re.search("`FLIGHTLINE_HOME=/.+ flightline up`", start)
    assert address == "http://127.0.0.1:8470/compare?" + "&".join(f"job={job_id}" for job_id in service.jobs)


@pytest.mark.parametrize("there", [True, False], ids=["a browser", "none"])
def test_it_opens_the_page_and_stays(
    run: Run, service: FakeService, stack: list[str], monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """With `--open` the curves are watched as they grow, and the stack runs until Ctrl-C, which is no failure."""
    seen: list[tuple[str, list[str]]] = []

    def opened(url: str) -> bool:
        seen.append((url, list(stack)))
        return there

    def ctrl_c() -> None:
        seen.append(("Ctrl-C", list(stack)))
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setattr(signal, "pause", ctrl_c)
    outcome = run("demo", "--epochs", "2", "--open")
    assert (outcome.code, stack) == (0, ["up", "down"])
    assert seen == [(f"{service.url}/", ["up"]), ("Ctrl-C", ["up"])]
    assert (f"open {service.url}/" in outcome.out) is not there
    assert outcome.out.splitlines()[-1].startswith(f"{service.url}/compare?job=")


@pytest.mark.parametrize("epochs, own", [(1, 1), (20, 6), (100, 32)])
def test_the_convnet_trains_for_the_same_part_of_its_length(
    run: Run, service: FakeService, epochs: int, own: int
) -> None:
    """A hundred epochs are the notebook's own number, and 32 the convnet's."""
    assert run("demo", "--epochs", str(epochs)).code == 0
    trained = {job["preset"]: job["training"]["epochs"] for job in submitted(service)}
    assert trained == dict.fromkeys(trained, epochs) | {"convnet": own}


BROKEN = {"name": "cifar10", "classes": ["airplane", "bird"], "ready": False, "source": "torchvision"}


@pytest.mark.parametrize("held", [[], [BROKEN]])
def test_the_drawn_set_only_when_nothing_else_is_there(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch, held: list[dict[str, Any]]
) -> None:
    """Without real images, or with a broken copy alone, the demo takes `synthetic` and says so loudly."""
    items = [item | {"held": held} for item in CATALOG["/v1/datasets"]["items"]]
    monkeypatch.setitem(CATALOG, "/v1/datasets", {"items": items, "next_cursor": None})
    outcome = run("demo", "--epochs", "1")
    assert outcome.code == 0
    assert outcome.err.startswith("NO REAL IMAGES FOUND")
    assert all(job["dataset"] == "synthetic" for job in submitted(service))


def test_ctrl_c_cancels_the_demos_jobs(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted demo leaves no jobs behind that would run the next time."""

    def interrupted(_: Following) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Following, "__next__", interrupted)
    assert run("demo", "--epochs", "100000").code == 130
    assert {job["status"] for job in service.jobs.values()} == {"cancelled"}


def test_a_failed_job_fails_the_demo(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that did not succeed is named with its reason, and the exit code is 1."""
    add = service.add
    error = {"code": "dataset_corrupt", "detail": "A file is cut short."}
    monkeypatch.setattr(service, "add", lambda **fields: add(status="failed", **fields | {"error": error}))
    outcome = run("demo", "--epochs", "1")
    assert (outcome.code, "A file is cut short." in outcome.err) == (1, True)


def test_a_variable_called_epochs_is_somebody_elses(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a shell has one; `make demo` passes on what its command line says."""
    monkeypatch.setenv("EPOCHS", "3")
    assert run("demo").code == 0
    assert submitted(service)[-1]["training"] == {"epochs": 20}


@pytest.mark.parametrize(
    "log, reason",
    [
        (
            "stack: loading …\nError: Flightline already runs in /x.\nUse it.\n",
            "Flightline already runs in /x.\nUse it.",
        ),
        ("stack: loading …\nKilled\n", "The stack did not start. LOG ends with:\nstack: loading …\nKilled"),
    ],
)
def test_why_a_stack_did_not_start(tmp_path: Path, log: str, reason: str) -> None:
    """Its own error alone, where there is one; else where to look."""
    path = tmp_path / "demo.log"
    path.write_text(log)
    process = subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)
    with process, pytest.raises(StackError) as caught:
        flightline.cli.demo._address(process, path)
    assert caught.value.detail == reason.replace("LOG", str(path))


def test_a_demo_that_is_asked_for_a_token_makes_its_own(
    run: Run, stack: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It lasts as long as the demo."""
    monkeypatch.setenv("FLIGHTLINE_AUTH", "on")
    sent: list[str | None] = []

    class Noting(Client):
        """A client that notes its token."""

        def __init__(self, base_url: str, *, token: str | None = None) -> None:
            sent.append(token)
            super().__init__(base_url, token=token)

    monkeypatch.setattr(flightline.cli.demo, "Client", Noting)
    assert run("demo", "--epochs", "2").code == 0
    assert stack == ["up", "down"]
    assert [secrets.is_token(str(token)) for token in sent] == [True]
    db = Database(f"sqlite:///{tmp_path / 'flightline.db'}")
    assert tokens.tokens(db) == []
    db.dispose()
