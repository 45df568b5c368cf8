"""What happened, counted, as a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.jobs.status import Outcome
from tests.chaos.faults import KINDS, OnWorker
from tests.chaos.injector import Injector
from tests.chaos.records import JobRecord
from tests.chaos.stack import Stack
from tests.chaos.traffic import Traffic

_EVENT = re.compile(r"^\S+Z (?:INFO|WARNING|ERROR|CRITICAL) (\w+)", re.MULTILINE)
_CRASH = re.compile(
    r"^\S+Z ERROR (?:crashed|\w+_crashed|parent_failed|streams_failed|child_cannot_start)\b.*$", re.MULTILINE
)
_COLUMNS = (Outcome.SUCCEEDED, Outcome.LOST, Outcome.RELEASED, Outcome.FAILED, Outcome.CANCELLED)
_TOLD = {
    "lease_lost": "late finishes refused",
    "nothing_to_claim": "tickets spent in vain",
    "child_died": "dead children seen by their parent",
    "child_stuck": "children killed because they stood still",
    "worker_cut_off": "workers that noticed they were cut off",
    "stop_grace_over": "stops that took too long",
    "checkpoint_refused": "checkpoints refused",
    "checkpoint_not_written": "checkpoints not written",
    "write_repeated": "writes repeated",
    "storage_unavailable": "waits for the storage",
    "storage_answers_again": "of them until it answered",
    "orphans_deleted": "passes that collected files which no row named",
    "heartbeat_failed": "heartbeats failed",
    "publish_failed": "publishes failed",
    "reconciled": "reconciler passes that found something",
}


@dataclass
class Outcomes:
    """The figures of one run.

    Attributes:
        faults: by kind, how many happened.
        missed: by kind, how many found nothing to hurt.
        hits: by kind, the outcomes of the attempts that ran when it happened.
        jobs: by status.
        attempts: by outcome, and error code where there is one.
        figures: whatever else was counted, by name.
        crashes: lines of logs that tell of a bug.
        unexplained: attempts that were lost although no fault hit their worker.
    """

    faults: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    hits: dict[str, Counter[str]] = field(default_factory=dict)
    jobs: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, records: list[JobRecord], injector: Injector, traffic: Traffic, stack: Stack) -> Self:
        """Count one run."""
        found = cls()
        ended = {(one.job_id, one.attempt): one.outcome for record in records for one in record.attempts}
        for injected in injector.injected:
            name = injected.kind.name
            found.faults[name] += 1
            outcomes = (ended.get((hit.job_id, hit.attempt)) for hit in injected.hits)
            found.hits.setdefault(name, Counter()).update(filter(None, outcomes))
        found.missed.update(planned.kind.name for planned in injector.missed)
        found.jobs.update(record.job.status for record in records)
        found.attempts.update(
            f"{one.outcome} ({one.error_code})" if one.error_code else one.outcome
            for record in records
            for one in record.attempts
        )
        found.unexplained = list(_unexplained(records, injector))
        found._count_traffic(records, traffic, stack)
        found._read_logs(stack.logs)
        return found

    def _count_traffic(self, records: list[JobRecord], traffic: Traffic, stack: Stack) -> None:
        told = traffic.told
        attempts = [one for record in records for one in record.attempts]
        self.figures["attempts resumed from a checkpoint"] = sum((one.resumed_from_epoch or 0) > 1 for one in attempts)
        self.figures["submissions answered with 503 or 409"] = told.refused
        self.figures["submissions whose answer was lost"] = told.unanswered
        self.figures["cancels"] = len(told.cancels)
        self.figures["priorities changed"] = told.priorities
        self.figures["event streams followed"] = len(traffic.followers)
        self.figures["their connections"] = sum(follower.connections for follower in traffic.followers)
        self.figures["their events"] = sum(len(follower.seen) for follower in traffic.followers)
        self.figures["programs started again"] = len(stack.deaths)

    def _read_logs(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.log")):
            text = path.read_text(errors="replace")
            events = Counter(_EVENT.findall(text))
            for event, meaning in _TOLD.items():
                self.figures[meaning] += events[event]
            self.crashes += [f"{path.name}: {line}" for line in _CRASH.findall(text)]

    def lines(self) -> list[str]:
        """The table, and what was counted beside it."""
        head = ("fault", "times", "missed", "attempts hit", *_COLUMNS)
        rows = [self._row(kind.name) for kind in KINDS if self.faults[kind.name] or self.missed[kind.name]]
        total = tuple(str(sum(int(row[column]) for row in rows)) for column in range(1, len(head)))
        counted = [f"{name}: {count}" for name, count in self.figures.items() if count]
        return [
            *_aligned([head, *rows, ("all", *total)]),
            "jobs: " + _listed(self.jobs),
            "attempts: " + _listed(self.attempts),
            *counted,
            *(f"lost although no fault hit its worker: {text}" for text in self.unexplained),
        ]

    def _row(self, name: str) -> tuple[str, ...]:
        hits = self.hits.get(name, Counter())
        numbers = (self.faults[name], self.missed[name], hits.total(), *(hits[column] for column in _COLUMNS))
        return (name, *map(str, numbers))


def _unexplained(records: list[JobRecord], injector: Injector) -> Iterator[str]:
    hurt = [(one.kind.target.pid, one.at) for one in injector.injected if isinstance(one.kind, OnWorker)]
    for record in records:
        for one in record.attempts:
            began, ended = one.started_at.timestamp() - 1, one.finished_at.timestamp() + 1 if one.finished_at else 0.0
            by = int(one.worker.rpartition(":")[2])
            if one.outcome == Outcome.LOST and not any(pid == by and began <= at <= ended for pid, at in hurt):
                yield f"job {record.job.id}, attempt {one.attempt} by {one.worker}, {one.error_code}, {one.finished_at}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    cells = ([cell.ljust(widths[0]) if not i else cell.rjust(widths[i]) for i, cell in enumerate(row)] for row in rows)
    return ["  ".join(row) for row in cells]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
