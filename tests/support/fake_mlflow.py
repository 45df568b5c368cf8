"""An MLflow tracking server in memory: what exports ask of it, in requests that happen in an order of the test's."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

Run = dict[str, Any]


class FakeMlflow:
    """Runs with tags, of one experiment, as MLflow keeps them.

    Args:
        ids: the ids of the runs that are created, in order.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids: Iterator[str] = iter(ids)
        self.runs: dict[str, Run] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Do what a request asks for."""
        asked = json.loads(request.content) if request.content else dict(request.url.params)
        name = request.url.path.rpartition("/mlflow/")[2].replace("/", "_").replace("-", "_")
        known: dict[str, Any] = {
            "experiments_get_by_name": lambda: {"experiment": {"experiment_id": "1"}},
            "runs_create": lambda: {"run": self._create(asked)},
            "runs_search": lambda: {"runs": self._found(asked)},
            "runs_get": lambda: {"run": self.runs[asked["run_id"]]},
            "runs_delete": lambda: self.runs[asked["run_id"]]["info"].update(lifecycle_stage="deleted"),
        }
        if name in known:
            return httpx.Response(200, json=known[name]())
        run = self.runs[asked["run_id"]]
        if run["info"]["lifecycle_stage"] == "deleted":
            problem = {"error_code": "INVALID_PARAMETER_VALUE", "message": "The run must be in the 'active' state."}
            return httpx.Response(400, json=problem)
        tags = {one["key"]: one["value"] for one in [*run["data"]["tags"], *asked.get("tags", [])]}
        run["data"]["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
        return httpx.Response(200, json={})

    def _create(self, asked: Run) -> Run:
        run_id = next(self.ids)
        info = {"run_id": run_id, "experiment_id": "1", "lifecycle_stage": "active", "artifact_uri": "s3://nowhere"}
        self.runs[run_id] = {"info": info, "data": {"tags": asked["tags"]}}
        return self.runs[run_id]

    def _found(self, asked: Run) -> list[Run]:
        wanted = re.fullmatch(r"tags\.`(.+)` (?:LIKE|=) '(.+)'", asked["filter"])
        assert wanted is not None, asked["filter"]
        key, value = wanted.groups()
        return [
            run
            for run in self.runs.values()
            for tag in run["data"]["tags"]
            if tag["key"] == key and value in ("%", tag["value"])
            if asked["run_view_type"] == "ALL" or run["info"]["lifecycle_stage"] == "active"
        ]


class Turns:
    """The order in which several threads send their requests; one whose turn never comes goes when the others ended.

    Args:
        order: whose request is the first, the second …
        names: of all threads.
    """

    def __init__(self, order: Sequence[str], names: Sequence[str]) -> None:
        self._left = list(order)
        self._going = set(names)
        self._waiting: set[str] = set()
        self._change = threading.Condition()

    def wait(self, name: str) -> None:
        """Wait until it is the turn of this thread's next request."""
        with self._change:
            self._waiting.add(name)
            self._change.notify_all()
            assert self._change.wait_for(lambda: self._next() == name, 60)

    def done(self, name: str) -> None:
        """A request of this thread was answered."""
        with self._change:
            self._waiting.discard(name)
            if self._left:
                self._left.pop(0)
            self._change.notify_all()

    def end(self, name: str) -> None:
        """Wait for this thread no more: it sends no more requests."""
        with self._change:
            self._going.discard(name)
            self._waiting.discard(name)
            self._change.notify_all()

    def _next(self) -> str | None:
        """Whose turn it is, once all that go on have come to their next request."""
        if self._waiting != self._going:
            return None
        while self._left and self._left[0] not in self._going:
            self._left.pop(0)
        return self._left[0] if self._left else min(self._going)


class InTurn(httpx.BaseTransport):
    """A connection to the server in memory whose requests wait for their turn, and that breaks off after some of them.

    Args:
        server: who answers.
        turns: the order of the requests of all connections.
        name: of this one.
        most: requests after which its program is interrupted.
    """

    def __init__(self, server: FakeMlflow, turns: Turns, name: str, most: int = 1000) -> None:
        self.server, self.turns, self.name, self.left = server, turns, name, most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request when it is its turn."""
        self.turns.wait(self.name)
        try:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            request.read()
            return self.server.answer(request)
        finally:
            self.turns.done(self.name)
