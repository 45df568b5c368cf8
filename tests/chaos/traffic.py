"""What users do meanwhile, over HTTP: submit, cancel, change priorities, follow."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from shared.delivery import publisher
from shared.errors import DatabaseUnavailable, IllegalTransition
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from tests.chaos.follower import Follower
from tests.chaos.specs import palette
from tests.chaos.stack import Stack

_CANCELLED, _PRIORITISED, _FOLLOWED = 0.12, 0.2, 0.3
"""Parts of the jobs."""
_RETRY_SECONDS = 0.3
_TIMEOUT_SECONDS = 15.0


@dataclass
class Told:
    """What users were told.

    Attributes:
        accepted: ids answered with 201, with their names.
        refused: submissions answered with 503 or 409, which were sent again.
        unanswered: those whose answer never came, which were sent again too.
        cancels: by job, the status of the answer to its cancel: 200, 202 or 409.
        priorities: changes made.
        surprises: answers that nobody should get.
    """

    accepted: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    unanswered: int = 0
    cancels: dict[str, int] = field(default_factory=dict)
    priorities: int = 0
    surprises: list[str] = field(default_factory=list)


class Traffic:
    """Two threads, one that submits and one that meddles with what was submitted, and one for each job followed.

    Args:
        stack: whom to ask.
        dice: draws everything: what is submitted, what is cancelled when, what is followed.
        jobs_wanted: how many jobs in all.
    """

    def __init__(self, stack: Stack, dice: Random, jobs_wanted: int) -> None:
        self.told = Told()
        self.followers: list[Follower] = []
        self._stack, self._dice, self._wanted = stack, dice, jobs_wanted
        self._allowed = 0
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._later: list[tuple[float, int, Callable[[], bool]]] = []
        self._client = httpx.Client(base_url=stack.url, timeout=_TIMEOUT_SECONDS)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._submit_all, self._meddle)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def allow(self, count: int) -> None:
        """Let so many jobs be submitted in all."""
        with self._changed:
            self._allowed = max(self._allowed, count)
            self._changed.notify_all()

    @property
    def done(self) -> bool:
        """Whether everything was submitted and meddled with, and every stream has ended."""
        busy = len(self.told.accepted) < self._wanted or self._later
        return not busy and not any(follower.is_alive() for follower in self.followers)

    def close(self) -> None:
        """End, wherever it stands."""
        self._closed.set()
        self.allow(self._wanted)
        for follower in self.followers:
            follower.closed.set()
        for thread in (*self._threads, *self.followers):
            thread.join()
        self._client.close()

    def _submit_all(self) -> None:
        specs = palette(self._dice, self._wanted)
        for number in range(1, self._wanted + 1):
            with self._changed:
                self._changed.wait_for(lambda number=number: self._allowed >= number)  # type: ignore[misc]
            spec = {**specs[number % len(specs)], "name": f"chaos-{number:03}", "priority": self._dice.randrange(10)}
            job_id = self._submit(spec)
            if job_id is None:
                return
            self.told.accepted[job_id] = spec["name"]
            self._plan(job_id)

    def _submit(self, spec: dict[str, Any]) -> str | None:
        """Send it, under one key, until it is answered with 201; None once the run is over."""
        key = {"Idempotency-Key": spec["name"]}
        while not self._closed.is_set():
            try:
                response = self._client.post("/v1/jobs", json=spec, headers=key)
            except httpx.ConnectError:
                pass  # nothing was sent
            except httpx.HTTPError:
                self.told.unanswered += 1
            else:
                if response.status_code == 201:
                    return str(response.json()["id"])
                if response.status_code not in (409, 503):  # 409: the first request is still in progress
                    self.told.surprises.append(f"POST /v1/jobs gave {response.status_code}: {response.text[:300]}")
                self.told.refused += 1
            self._closed.wait(_RETRY_SECONDS)
        return None

    def _plan(self, job_id: str) -> None:
        dice = self._dice
        if dice.random() < _FOLLOWED:
            self.followers.append(Follower(self._stack.url, job_id, Random(dice.random())))
            self.followers[-1].start()
        if dice.random() < _CANCELLED:
            self._push(dice.uniform(0, 15), lambda: self._cancel(job_id))
        if dice.random() < _PRIORITISED:
            priority = dice.randrange(10)
            self._push(dice.uniform(0, 5), lambda: self._prioritise(job_id, priority))

    def _push(self, delay: float, action: Callable[[], bool]) -> None:
        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + delay, id(action), action))

    def _meddle(self) -> None:
        """Do what is due; what did not work is tried again."""
        while not self._closed.wait(0.05):
            if self._later and self._later[0][0] <= time.monotonic():
                with self._changed:
                    action = heapq.heappop(self._later)[2]
                if not action():
                    self._push(_RETRY_SECONDS, action)

    def _cancel(self, job_id: str) -> bool:
        try:
            response = httpx.post(f"{self._stack.url}/v1/jobs/{job_id}/cancel", timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError:
            return False
        if response.status_code in (200, 202, 409):
            self.told.cancels[job_id] = response.status_code
            return True
        if response.status_code != 503:
            self.told.surprises.append(f"cancel gave {response.status_code}: {response.text[:300]}")
        return False

    def _prioritise(self, job_id: str, priority: int) -> bool:
        try:
            actions.set_priority(self._stack.db, job_id, priority, actor=EVERYBODY)
            publisher.publish(self._stack.db, self._stack.broker, job_id)
        except DatabaseUnavailable:
            return False
        except IllegalTransition:
            return True
        self.told.priorities += 1
        return True
