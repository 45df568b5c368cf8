"""A service in memory that has sweeps, too: each of their points ends when the bell has rung for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from shared.jobs.status import JobStatus
from shared.sweeps.check import written_out
from tests.support.http_answers import CREATED
from tests.support.http_service import Answer, problem
from tests.support.http_team import TeamService

LR = "training.optimizer.lr"
ENDED = "2026-01-31T12:01:01.000Z"
SMALL = "The space is small."
DEFAULTS: dict[str, Any] = {"asha": None, "max_trials": 4, "max_parallel": 2, "repeats": 1, "name": None}


class SweepService(TeamService):
    """A service with sweeps.

    Attributes:
        sweeps: by id, in the order of their start.
        points: each sweep's points.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sweeps: dict[str, dict[str, Any]] = {}
        self.points: dict[str, list[dict[str, Any]]] = {}

    def add_sweep(self, **fields: Any) -> dict[str, Any]:
        """A sweep as the API shows it, without points yet."""
        asked = DEFAULTS | {"base": {"preset": "notebook-linear"}, "space": {LR: {"kind": "float"}}} | fields
        sweep = asked | {
            "id": f"01936f00-0000-7000-8000-{len(self.sweeps):04x}5eeb5eeb",
            "owner": asked.get("owner"),
            "status": asked.get("status", "running"),
            "algorithm": {"kind": "random", "seed": 0} | asked.get("algorithm", {}),
            "objective": {"metric": "val_accuracy", "mode": None, "at": "best"} | asked.get("objective", {}),
            "points": asked["max_trials"],
            "points_made": 0,
            "points_tried": 0,
            "points_done": 0,
            "points_failed": 0,
            "rungs": [1, 3, 9] if asked["asha"] else [9],
            "counts": dict.fromkeys((*JobStatus, "stopped"), 0),
            "best": None,
            "error": None,
            "warnings": [SMALL],
            "epochs_trained": 0,
            "epochs_saved": 0,
            "importance": None,
            "created_at": CREATED,
            "finished_at": None,
        }
        self.sweeps[sweep["id"]], self.points[sweep["id"]] = sweep, []
        return sweep

    def move_on(self, sweep: dict[str, Any]) -> None:
        """One more point of the sweep ends, and with the last one the sweep; the third is the best."""
        if sweep["status"] != "running":
            return
        number = len(self.points[sweep["id"]])
        job = self.add(status="succeeded", sweep=sweep["id"], name=f"{sweep['name']}/{number}")["id"]
        value = 0.7 - abs(number - 2) / 10
        place = {"point": number, "params": {LR: 10.0 ** -(number + 1)}, "value": value}
        ended: dict[str, Any] = {"status": "succeeded", "std": None, "epoch": 9, "rung": 0, "error": None}
        ended["reached"] = [{"rung": 0, "epoch": 9, "value": value, "at": ENDED}]
        ended |= {"jobs": [job], "deleted": [], "created_at": CREATED, "finished_at": ENDED}
        self.points[sweep["id"]].append(place | ended)
        best = max(self.points[sweep["id"]], key=lambda one: one["value"])
        sweep |= dict.fromkeys(("points_made", "points_tried", "points_done"), number + 1)
        sweep["epochs_trained"] = 9 * (number + 1)
        sweep["best"] = {key: best[key] for key in ("point", "params", "value", "jobs", "deleted")}
        sweep["counts"]["succeeded"] = number + 1
        if number + 1 == sweep["points"]:
            sweep |= {"status": "finished", "finished_at": ENDED}

    @override
    def routed(self, method: str, path: str, asked: dict[str, list[str]], body: bytes, last_event_id: int) -> Answer:
        if (method, path) == ("GET", "/v1/events") and self.sweeps:
            return 200, self._sweeps_ring()
        if path == "/v1/sweeps":
            return self._start(body, dry="dry_run" in asked) if method == "POST" else self._listed(asked)
        if path.startswith("/v1/sweeps/"):
            ending, _, part = path.removeprefix("/v1/sweeps/").partition("/")
            found = [one for one in self.sweeps if one.endswith(ending)]
            if not found:
                return problem(404, "sweep_not_found", f"There is no sweep {ending}.")
            return self._about(method, self.sweeps[found[0]], part, asked)
        return super().routed(method, path, asked, body, last_event_id)

    def _start(self, body: bytes, *, dry: bool) -> Answer:
        document = json.loads(body)
        if not document["space"]:
            return problem(422, "invalid_spec", "The sweep is not valid.", ("/space", "space takes at least 1."))
        if not dry:
            return 201, self.add_sweep(**written_out(document))
        points = [{LR: 0.1}, {LR: 0.01}]
        cost = {"least_parameters": 10, "most_parameters": 2000, "warnings": [SMALL]}
        return 200, {"points": 4, "jobs": 8, "first_points": points, "rungs": [1, 3, 9], "epochs": 72, **cost}

    def _listed(self, asked: dict[str, list[str]]) -> Answer:
        found = list(self.sweeps.values())[::-1]
        for key in ("status", "owner"):
            found = [one for one in found if one[key] in asked.get(key, [one[key]])]
        start, limit = int(asked.get("cursor", ["0"])[0]), int(asked["limit"][0])
        more = str(start + limit) if start + limit < len(found) else None
        return 200, {"items": found[start : start + limit], "next_cursor": more}

    def _about(self, method: str, sweep: dict[str, Any], part: str, asked: dict[str, list[str]]) -> Answer:
        if method == "GET":
            return self._read_sweep(sweep, part, asked)
        if sweep["finished_at"] and method == "POST":
            return problem(409, "illegal_transition", f"Sweep {sweep['id']} has {sweep['status']}.")
        if method == "DELETE":
            if not sweep["finished_at"]:
                return problem(409, "illegal_transition", f"Sweep {sweep['id']} has not ended: cancel it first.")
            del self.sweeps[sweep["id"]]
            return 204, None
        sweep["status"] = {"pause": "paused", "resume": "running", "cancel": "cancelled"}[part]
        sweep["finished_at"] = ENDED if part == "cancel" else None
        return 200, sweep

    def _read_sweep(self, sweep: dict[str, Any], part: str, asked: dict[str, list[str]]) -> Answer:
        if not part:
            known = "importance" in asked and sweep["points_done"]
            return 200, sweep | {"importance": {LR: 0.75, "training.seed": 0.25} if known else None}
        if part == "events":
            return 200, self._told(sweep)
        points = self.points[sweep["id"]]
        if asked.get("sort", ["value"]) == ["value"]:
            points = sorted(points, key=lambda one: -one["value"])
        return 200, {"items": points[: int(asked["limit"][0])], "next_cursor": None}

    def _told(self, sweep: dict[str, Any]) -> Iterator[bytes]:
        """The sweep's events: its start, and its end."""
        yield b"retry: 1000\n\n"
        for number, status in enumerate(("running", "finished"), 1):
            data = json.dumps({"status": status, "at": ENDED})
            yield f"id: {number}\nevent: status\ndata: {data}\n\n".encode()
        assert sweep["finished_at"]

    def _sweeps_ring(self) -> Iterator[bytes]:
        """The bell: everything at first, then each sweep whenever one more of its points has ended."""
        yield b"retry: 1000\n\nevent: reset\ndata: {}\n\n"
        while not self.closing.wait(0.001):
            with self._lock:
                moving = [one for one in self.sweeps.values() if one["status"] == "running"]
                for sweep in moving:
                    self.move_on(sweep)
            if moving:
                ids = json.dumps({"ids": [one["id"] for one in moving]})
                yield f"event: sweeps\ndata: {ids}\n\n".encode()
