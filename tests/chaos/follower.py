"""One reader of a job's event stream, who keeps losing the connection and coming back."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

_RETRY_SECONDS = 0.2
_MOST_EVENTS = 15
"""Read over one connection before the reader hangs up by himself."""


@dataclass(frozen=True)
class Seen:
    """One event as it came."""

    seq: int
    kind: str
    data: dict[str, Any]


class Follower(threading.Thread):
    """Reads a job's stream to its end.

    Attributes:
        seen: every event, in the order it came.
        connections: how often it connected.
        ended: whether the service said that nothing can follow.
        closed: set it, and the reader gives up.
    """

    def __init__(self, url: str, job_id: str, dice: Random) -> None:
        super().__init__(name=f"follow-{job_id}", daemon=True)
        self.job_id = job_id
        self.seen: list[Seen] = []
        self.connections = 0
        self.ended = False
        self.surprise: str | None = None
        self.closed = threading.Event()
        self._url = f"{url}/v1/jobs/{job_id}/events"
        self._dice = dice
        self._late = dice.choice([0.0, 0.0, 2.0])

    def run(self) -> None:
        """Connect again until the end."""
        self.closed.wait(self._late)
        while not (self.ended or self.closed.is_set()):
            try:
                self._read()
            except httpx.HTTPError:
                self.closed.wait(_RETRY_SECONDS)

    def _read(self) -> None:
        headers = {"Last-Event-ID": str(self.seen[-1].seq)} if self.seen else {}
        timeout = httpx.Timeout(10.0, read=20.0)  # a stream says something every 15 s
        with httpx.stream("GET", self._url, headers=headers, timeout=timeout) as response:
            self.connections += 1
            if response.status_code == 204:
                self.ended = True
            elif response.status_code == 200:
                self._take(response, self._dice.randint(1, _MOST_EVENTS))
            else:
                if response.status_code != 503:
                    self.surprise = f"the stream gave {response.status_code}"
                self.closed.wait(_RETRY_SECONDS)

    def _take(self, response: httpx.Response, most: int) -> None:
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "id" in fields:
                self.seen.append(Seen(int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields, most = {}, most - 1
            if not most or self.closed.is_set():
                return
