"""A service in memory that many people use: tokens, batches, comparisons, edits and the bell, over real HTTP."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from tests.support.http_service import Answer, FakeService, problem

SCOPES = ("read", "submit", "admin")
FINISHED = {"succeeded", "failed", "cancelled"}


class TeamService(FakeService):
    """A service with the calls for many people.

    Attributes:
        tokens: owner and scope by token; without any, authentication is off.
        authorizations: the header of every request so far.
        rung: the frames of the bell that are still to be sent; an empty one ends the stream.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, tuple[str, str]] = {}
        self.authorizations: list[str | None] = []
        self.rung: deque[bytes] = deque()
        self.headers |= {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "0"}}

    @override
    def refusal(self, method: str, target: str, authorization: str | None) -> Answer | None:
        self.authorizations.append(authorization)
        if not self.tokens:
            return super().refusal(method, target, authorization)
        found = self._sender()
        if found is None:
            return problem(401, "unauthorized", "This takes a token.")
        wanted = "read" if method == "GET" else "submit"
        if SCOPES.index(found[1]) < SCOPES.index(wanted):
            return problem(403, "insufficient_scope", f"This takes a token with the scope `{wanted}`.")
        return None

    def _sender(self) -> tuple[str, str] | None:
        """Owner and scope of whoever sent the latest request."""
        return self.tokens.get(str(self.authorizations[-1]).removeprefix("Bearer "))

    @override
    def routed(self, method: str, path: str, asked: dict[str, list[str]], body: bytes, last_event_id: int) -> Answer:
        if (method, path) == ("GET", "/v1/whoami"):
            return self._whoami()
        if (method, path) == ("POST", "/v1/jobs/batch"):
            return self._batch(json.loads(body)["jobs"])
        if method == "POST" and path in {"/v1/jobs/cancel", "/v1/jobs/delete"}:
            return 200, {"items": [self._end(path.rpartition("/")[2], one) for one in json.loads(body)["ids"]]}
        if (method, path) == ("GET", "/v1/compare"):
            return self._compare(asked["job"])
        if (method, path) == ("GET", "/v1/events"):
            return 200, self._bell()
        return super().routed(method, path, asked, body, last_event_id)

    @override
    def change(self, job: dict[str, Any], change: dict[str, Any]) -> Answer:
        if "priority" in change:
            return super().change(job, change)
        job |= change
        self.tell(job, "edited", **change)
        return 200, job

    def _whoami(self) -> Answer:
        owner, scope = self._sender() or (None, "admin")
        known = {"token_id": "t1" if owner else None, "expires_at": None, "authentication": bool(self.tokens)}
        return 200, {"owner": owner, "scope": scope, **known}

    def _batch(self, documents: list[dict[str, Any]]) -> Answer:
        for number, document in enumerate(documents):
            if not {"architecture", "preset"} & document.keys():
                fault = (f"/jobs/{number}/architecture", "is required")
                return problem(422, "invalid_spec", "One job of the batch is not valid.", fault)
        labels = [{key: one[key] for key in ("name", "preset", "tags") if key in one} for one in documents]
        return 201, {"items": [self.add(warnings=["No live worker."], **one) for one in labels]}

    def _end(self, action: str, end: str) -> dict[str, Any]:
        """What becomes of a job that is cancelled or deleted with others."""
        job = next((job for one, job in self.jobs.items() if one.endswith(end)), None)
        if job is None:
            return _outcome(end, None, error=("job_not_found", f"There is no job {end}."))
        if self._foreign(job):
            return _outcome(end, job["id"], error=("not_owner", f"Job {job['id']} belongs to {job['owner']}."))
        if (job["status"] in FINISHED) == (action == "cancel"):
            return _outcome(end, job["id"], error=("illegal_transition", f"Job {job['id']} is {job['status']}."))
        if action == "delete":
            del self.jobs[job["id"]]
            return _outcome(end, job["id"], "deleted")
        running = job["status"] == "running"
        job |= {"cancel_requested": True, "status": "cancelled"}
        return _outcome(end, job["id"], "requested" if running else "cancelled")

    def _foreign(self, job: dict[str, Any]) -> bool:
        owner, scope = self._sender() or (None, "admin")
        return scope != "admin" and job.get("owner") not in {None, owner}

    def _compare(self, ids: list[str]) -> Answer:
        jobs = [self.jobs[next(one for one in self.jobs if one.endswith(end))] for end in ids]
        rates = [job["spec"].get("training", {}).get("lr") for job in jobs]
        differing = {"training.lr": rates} if len(set(rates)) > 1 else {}
        epochs = max((job["progress"]["epoch"] for job in jobs), default=0)
        losses = [[1.0 / (n + 1) if n < job["progress"]["epoch"] else None for n in range(epochs)] for job in jobs]
        curves = {"epoch": list(range(1, epochs + 1)), "val_loss": losses, "val_accuracy": losses}
        return 200, {"jobs": jobs, "differing": differing, "curves": curves}

    def _bell(self) -> Iterator[bytes]:
        """Frames of the bell: those that a test has put there, then one for each job that moves on."""
        yield b"retry: 1000\n\n"
        yield b"event: reset\ndata: {}\n\n"
        while not self.closing.wait(0.001):
            with self._lock:
                moving = [job for job in self.jobs.values() if job["status"] == "running"]
                for job in moving:
                    self._move_on(job)
                ids = [job["id"] for job in moving]
            while self.rung:
                frame = self.rung.popleft()
                if not frame:  # the end of this stream
                    return
                yield frame
            if ids:
                yield ring(*ids)


def ring(*ids: str) -> bytes:
    """A frame of the bell: these jobs have changed."""
    return f"event: jobs\ndata: {json.dumps({'ids': ids})}\n\n".encode()


def _outcome(
    end: str, id: str | None, outcome: str | None = None, *, error: tuple[str, str] | None = None
) -> dict[str, Any]:
    failure = None if error is None else dict(zip(("code", "detail"), error, strict=True))
    return {"id": end, "job_id": id, "outcome": outcome, "error": failure}
