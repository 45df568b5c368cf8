"""Carries out a schedule of faults."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.chaos.faults import FillDisk, Kind
from tests.chaos.saying import say
from tests.chaos.schedule import Planned
from tests.chaos.stack import Stack
from tests.chaos.watch import Running, Watch

_PATIENCE_SECONDS = 30.0
"""How long a fault waits for something that it could hurt."""


@dataclass
class Injected:
    """One fault that happened: when, and which running attempts it may have cost."""

    planned: Planned
    kind: Kind
    part: str
    ends_at: float
    hits: list[Running]
    at: float
    """In seconds since 1970."""


class Injector:
    """Begins and ends faults from the main thread's ticks.

    Attributes:
        injected: those that happened.
        missed: those that found nothing to hurt in time.
        full_disk: when the artifacts' disk was full, in seconds since 1970.
    """

    def __init__(self, stack: Stack, watch: Watch, plan: list[Planned]) -> None:
        self._stack, self._watch = stack, watch
        self._plan = plan[::-1]
        self._next: tuple[Planned, Kind] | None = None
        self._since = time.monotonic()
        self._open: list[Injected] = []
        self.injected: list[Injected] = []
        self.missed: list[Planned] = []
        self.full_disk: list[tuple[float, float]] = []

    @property
    def begun(self) -> int:
        """How many of the schedule are behind us."""
        return len(self.injected) + len(self.missed)

    @property
    def waiting(self) -> bool:
        """Whether the next fault is due, but finds nothing that it could hurt."""
        return self._next is not None and time.monotonic() - self._since > self._next[0].pause_seconds + 1

    @property
    def done(self) -> bool:
        """Whether every fault has happened and been put right."""
        return not (self._plan or self._next or self._open)

    def tick(self, allowed: int) -> None:
        """End what is due; begin the next fault when it is its time and no more than `allowed` have begun."""
        now = time.monotonic()
        for one in [one for one in self._open if one.ends_at <= now]:
            self._end(one)
        if self._next is None and self._plan and self.begun < allowed:
            planned = self._plan.pop()
            self._next = planned, planned.kind(self._stack, self._watch, planned.choice)
        if self._next is not None and now - self._since >= self._next[0].pause_seconds:
            self._try(*self._next)

    def end_all(self) -> None:
        """Put right whatever is still wrong."""
        self._next = None
        self._plan.clear()
        for one in list(self._open):
            self._end(one)

    def _try(self, planned: Planned, kind: Kind) -> None:
        now = time.monotonic()
        part = kind.part()
        if part is None or any(one.part == part for one in self._open):
            if now - self._since > planned.pause_seconds + _PATIENCE_SECONDS:
                self.missed.append(planned)
                self._next, self._since = None, now
            return
        one = Injected(planned, kind, part, now + planned.lasts_seconds, kind.hits(), time.time())
        say(f"  {planned.number:3} {planned.kind.name} ({part}, {planned.lasts_seconds:.1f} s)")
        kind.begin()
        self._next, self._since = None, time.monotonic()
        self.injected.append(one)
        self._open.append(one)

    def _end(self, one: Injected) -> None:
        self._open.remove(one)
        one.kind.end()
        if isinstance(one.kind, FillDisk):
            self.full_disk.append((one.kind.began, time.time()))
