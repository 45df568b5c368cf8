"""A service in memory that speaks the API's JSON over real HTTP, for tests of the client and the command."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from flightline.client.records import NOT_FINISHED
from tests.support.http_answers import ATTEMPT, CATALOG, CREATED, EVALUATION, layer_cost

Answer = tuple[int, Any]
"""A status, and JSON, bytes or the frames of a stream."""

S = TypeVar("S", bound="FakeService")
EPOCH_KEYS = ("train_loss", "train_accuracy", "last_batch_loss", "val_loss", "val_accuracy", "lr", "seconds")


class FakeService:
    """Jobs that move one epoch on each time they are read, and whenever a stream of theirs has told all there is.

    Attributes:
        jobs: by id, in the order of submission.
        history: each job's events, as JSON.
        refuse: answers to give instead, by ``METHOD /path``.
        requests: every request so far, as (method, path with query, body).
        cut: numbers of events in whose middle the connection breaks, once each.
        end_after: numbers of events after which a stream is ended in order, once each.
        resume: a job's first attempt is lost after that epoch, and the next one goes on from the first.
        password: the user and password without which all is refused, as a proxy in front of the service does.
        headers: further headers of answers, by status.
        closing: set when the service stops: its streams end.
    """

    def __init__(self) -> None:
        self.url = ""
        self.jobs: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, Answer] = {}
        self.requests: list[tuple[str, str, bytes]] = []
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.cut: set[int] = set()
        self.end_after: set[int] = set()
        self.resume: int | None = None
        self.password: tuple[str, str] | None = None
        self.headers = {503: {"Retry-After": "0"}}
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}
        self.layers = [layer_cost("/architecture/hidden/0", "linear", [3072], [2], 6146)]
        self.files = {"best.safetensors": b"weights"}
        self.sha256 = "9f4fe1d4b4b3d8ab8ee9ed2a1e1e2a8bbd5e0a3f8c5e2f7ad7c6f2d8e4a7b6c0"

    def add(self, *, status: str = "running", epochs: int = 3, epoch: int = 0, **fields: Any) -> dict[str, Any]:
        """A job as the API shows it."""
        number = len(self.jobs)
        job = {
            "id": f"01936f00-0000-7000-8000-{number:04x}{'abcdef01':>8}",
            "name": None,
            "tags": [],
            "preset": None,
            "status": status,
            "cancel_requested": False,
            "priority": 5,
            "spec": {"architecture": {"kind": "mlp"}, "resources": {"device": "any"}},
            "spec_hash": "5" * 64,
            "config_hash": "c" * 64,
            "cost": {"parameters": 3737474, "flops_per_epoch": 161233920000, "weight_bytes": 14949896},
            "warnings": [],
            "progress": {"epoch": epoch, "epochs": epochs, "eta_seconds": None},
            "result": None,
            "device": "cpu",
            "engine": "reference",
            "worker": "host-1:cpu:1",
            "attempts": 1,
            "exact": True,
            "error": None,
            "retry_of": None,
            "sweep": None,
            "created_at": "2026-01-31T12:00:00.000Z",
            "queued_at": "2026-01-31T12:00:00.000Z",
            "not_before": None,
            "started_at": "2026-01-31T12:00:01.000Z",
            "finished_at": None,
        } | fields
        self.jobs[job["id"]] = job
        self._begin(job)
        return job

    def _begin(self, job: dict[str, Any]) -> None:
        self.history[job["id"]] = []
        self._next[job["id"]] = job["progress"]["epoch"] + 1
        self.tell(job, "status", status="queued", attempt=0)
        if job["status"] != "queued":
            self.tell(job, "status", status="running", attempt=1)
        for number in range(1, job["progress"]["epoch"] + 1):
            self._tell_epoch(job, number)
        if job["status"] not in NOT_FINISHED:
            self.tell(job, "status", status=job["status"], attempt=1)

    def tell(self, job: dict[str, Any], kind: str, **data: Any) -> None:
        """Add an event to a job's history."""
        history = self.history[job["id"]]
        history.append({"seq": len(history) + 1, "kind": kind, "data": data})

    def _tell_epoch(self, job: dict[str, Any], number: int) -> None:
        figures = dict.fromkeys(EPOCH_KEYS, 1.0 / number)
        place = {"attempt": job["attempts"], "seq": len(self.history[job["id"]]) + 1}
        self.tell(job, "epoch", epoch=number, **figures, **place)

    def refusal(self, method: str, target: str, authorization: str | None) -> Answer | None:
        """The answer to a request that its `Authorization` does not let pass; None where it does."""
        del method, target
        if self.password is None:
            return None
        wanted = f"Basic {b64encode(':'.join(self.password).encode()).decode()}"
        return None if authorization == wanted else (401, b"Who?")

    def answer(self, method: str, target: str, body: bytes, last_event_id: int = 0) -> Answer:
        """The answer to a request."""
        with self._lock:
            return self._answer(method, target, body, last_event_id)

    def _answer(self, method: str, target: str, body: bytes, last_event_id: int) -> Answer:
        self.requests.append((method, target, body))
        url = urlsplit(target)
        if (refusal := self.refuse.get(f"{method} {url.path}")) is not None:
            return refusal
        return self.routed(method, url.path, parse_qs(url.query), body, last_event_id)

    def routed(self, method: str, path: str, asked: dict[str, list[str]], body: bytes, last_event_id: int) -> Answer:
        """The answer of what stands at the path."""
        query = {key: values[-1] for key, values in asked.items()}
        if path == "/v1/jobs":
            return self._submit(query, body) if method == "POST" else self._page(query, asked)
        if match := re.fullmatch(r"/v1/jobs/([^/]+)(?:/(.+))?", path):
            found = [one for one in self.jobs if one.endswith(match[1])]
            if len(found) > 1:
                return problem(409, "ambiguous_id", f"{len(found)} jobs fit: {', '.join(found)}.")
            if match[2] == "events" and found:
                return self._events(found[0], last_event_id)
            return self._one(method, found[0] if found else match[1], match[2], query, body)
        return self._catalog(path)

    def _submit(self, query: dict[str, str], body: bytes) -> Answer:
        document = json.loads(body)
        if "architecture" not in document and "preset" not in document:
            return problem(422, "invalid_spec", "The spec is not valid.", ("/architecture", "is required"))
        if query.get("dry_run") == "true":
            cost = self.add()["cost"] | {"layers": self.layers}
            self.jobs.popitem()
            return 200, {
                "spec": document,
                "spec_hash": "5",
                "config_hash": "c",
                "cost": cost,
                "warnings": ["No worker."],
            }
        epochs = document.get("training", {}).get("epochs", 3)
        labels = {key: document.get(key) for key in ("name", "preset")}
        return 201, self.add(epochs=epochs, warnings=["No live worker."], **labels)

    def _page(self, query: dict[str, str], asked: dict[str, list[str]]) -> Answer:
        newest_first = [job for job in self.jobs.values() if job["id"] in asked.get("id", [job["id"]])][::-1]
        for job in newest_first if "id" in asked else ():
            self._move_on(job)
        found = [job for job in newest_first if job["status"] in asked.get("status", [job["status"]])]
        found = [job for job in found if query.get("tag") is None or query["tag"] in job["tags"]]
        found = [job for job in found if query.get("owner", job.get("owner")) == job.get("owner")]
        start, limit = int(query.get("cursor", 0)), int(query.get("limit", 50))
        more = str(start + limit) if start + limit < len(found) else None
        return 200, {"items": found[start : start + limit], "next_cursor": more}

    def _events(self, id: str, after: int) -> Answer:
        done = self.jobs[id]["status"] not in NOT_FINISHED
        return (204, None) if done and after >= len(self.history[id]) else (200, self._frames(id, after))

    def _frames(self, id: str, after: int) -> Iterator[bytes]:
        """Server-sent events, until the job is finished."""
        yield b"retry: 1000\n\n: keep-alive\n\n"
        while not self.closing.wait(0.001):
            with self._lock:
                if after == len(self.history[id]):
                    self._move_on(self.jobs[id])
                new = self.history[id][after:]
                done = self.jobs[id]["status"] not in NOT_FINISHED
            for event in new:
                after = event["seq"]
                frame = f"id: {after}\nevent: {event['kind']}\ndata: {json.dumps(event['data'])}\n\n".encode()
                if after in self.cut:
                    self.cut.remove(after)
                    yield frame[:-9]
                    raise ConnectionAbortedError
                yield frame
                if after in self.end_after:
                    self.end_after.remove(after)
                    return
            if done:
                return

    def _one(self, method: str, id: str, part: str | None, query: dict[str, str], body: bytes) -> Answer:
        job = self.jobs.get(id)
        if job is None:
            return problem(404, "job_not_found", f"There is no job {id}.")
        if method == "DELETE":
            del self.jobs[id]
            return 204, None
        if method == "POST" and part == "evaluate":
            return 201, self.add(kind="evaluate", spec={"job": id, **json.loads(body)})
        if method == "POST":
            return self._act(job, str(part))
        if method == "PATCH":
            return self.change(job, json.loads(body))
        return self._read(job, part, query)

    def _act(self, job: dict[str, Any], part: str) -> Answer:
        if part == "retry":
            return 201, self.add(retry_of=job["id"])
        if job["status"] in {"succeeded", "failed"}:
            return problem(409, "illegal_transition", f"Job {job['id']} has already {job['status']}.")
        job["status"] = "cancelled"
        self.tell(job, "status", status="cancelled", attempt=job["attempts"])
        return 200, job

    def change(self, job: dict[str, Any], change: dict[str, Any]) -> Answer:
        """The answer to a change of a job."""
        if job["status"] != "queued":
            return problem(409, "illegal_transition", f"Job {job['id']} is {job['status']}.")
        job |= change
        self.tell(job, "priority", **change)
        return 200, job

    def _read(self, job: dict[str, Any], part: str | None, query: dict[str, str]) -> Answer:
        after = int(query.get("after", 0))
        if part is None:
            self._move_on(job)
            return 200, job
        if part == "epochs":
            told = [event["data"] for event in self.history[job["id"]] if event["kind"] == "epoch"]
            latest = {row["epoch"]: row for row in told if row["epoch"] > after}
            rows = [latest[number] for number in sorted(latest)]
            return 200, {key: [row[key] for row in rows] for key in ("epoch", *EPOCH_KEYS, "attempt", "seq")}
        if part == "evaluation":
            return 200, {**EVALUATION, "weights": query.get("weights", "best")}
        if part == "log":
            lines = [line for line in self.log_of(job) if line["line"] > after]
            return 200, {"items": lines[:2], "next_cursor": None}
        return self._files(part)

    def log_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines of a job's log by now; a page has two of them."""
        del job
        return [log_line(number) for number in (1, 2, 3)]

    def _move_on(self, job: dict[str, Any]) -> None:
        progress = job["progress"]
        if job["status"] == "paused":  # its sweep lets it go on
            job["status"] = "running"
            self.tell(job, "status", status="running", attempt=job["attempts"])
        if job["status"] != "running" or not progress["epochs"]:
            return
        if progress["epoch"] == self.resume:
            self.resume = None
            self._resume(job)
        else:
            progress["epoch"] = self._next[job["id"]]
            self._next[job["id"]] += 1
            self._tell_epoch(job, progress["epoch"])
            best = {"best_val_accuracy": 0.83, "best_epoch": 1}
            job["result"] = {"train_loss": 0.5, "train_accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.81} | best
            if progress["epoch"] == progress["epochs"]:
                job |= {"status": "succeeded", "finished_at": "2026-01-31T12:01:01.000Z"}
                self.tell(job, "status", status="succeeded", attempt=job["attempts"])

    def _resume(self, job: dict[str, Any]) -> None:
        """The next attempt goes on with epoch 2; as in the service, the job's own figures stay until it is done."""
        job["attempts"] += 1
        self.tell(job, "status", status="running", attempt=job["attempts"])
        self.tell(job, "resumed", attempt=job["attempts"], from_epoch=2)
        self._next[job["id"]] = 2

    def _files(self, part: str) -> Answer:
        if part == "artifacts":
            fields = {"sha256": self.sha256, "bytes": 7, "created_at": CREATED}
            files = [{"name": name, "path": name} | fields for name in self.files]
            return 200, {"items": files, "next_cursor": None}
        if part == "attempts":
            return 200, {"items": [ATTEMPT], "next_cursor": None}
        name = "best.safetensors" if part == "model" else part.removeprefix("artifacts/")
        return (200, self.files[name]) if name in self.files else problem(404, "not_found", "No such file.")

    def _catalog(self, path: str) -> Answer:
        items = CATALOG.get(path)
        return problem(404, "not_found", f"Nothing at {path}.") if items is None else (200, items)


def log_line(number: int, **fields: Any) -> dict[str, Any]:
    """A line of a job's log."""
    line = {"line": number, "attempt": 1, "level": "INFO", "message": f"line {number}", "created_at": CREATED}
    return line | fields


def problem(status: int, code: str, detail: str, *errors: tuple[str, str]) -> Answer:
    """A problem document."""
    listed = [{"pointer": pointer, "detail": text} for pointer, text in errors]
    return status, {"type": "about:blank", "status": status, "code": code, "detail": detail, "errors": listed}


def _content(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode() * (document is not None)


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client has gone, or is to see a broken connection
                super().handle()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            after = int(self.headers.get("Last-Event-ID") or 0)
            refused = service.refusal(self.command, self.path, self.headers.get("Authorization"))
            status, document = refused or service.answer(self.command, self.path, body, after)
            if isinstance(document, Iterator):
                self._stream(document)
                return
            content = _content(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/problem+json" if status >= 400 else "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in service.headers.get(status, {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, frames: Iterator[bytes]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for frame in frames:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the server calls them by these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(service: S) -> Iterator[S]:
    """Serve on a free port of the loopback, which `service.url` then names."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
