"""From the loop to SQL: epochs and log lines, written in batches so that quick epochs do not wait for the disk."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

from shared import logs
from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs import attempts
from shared.jobs.attempts import Claim, Line
from worker.training.errors import LeaseLost
from worker.training.results import EpochResult

WRITE_SECONDS = 0.25
"""Least time between two writes."""


class Recorder:
    """Collects what one attempt learns; `flush` writes it.

    Args:
        db: the database.
        claim: whose.
        log_lines: how many lines of a job's log are kept.
    """

    def __init__(self, db: Database, claim: Claim, log_lines: int) -> None:
        self._db = db
        self._claim = claim
        self._log_lines = log_lines
        self._epochs: list[dict[str, Any]] = []
        self._lines: list[tuple[float, str, str]] = []
        self._written = time.monotonic()
        self.best: dict[str, Any] = {}
        """`best_val_accuracy` and `best_epoch` as of the latest epoch."""

    def add_epoch(self, result: EpochResult) -> None:
        """Take a finished epoch."""
        self._epochs.append(dataclasses.asdict(result))
        if not self.best or result.val_accuracy > self.best["best_val_accuracy"]:
            self.best = {"best_val_accuracy": result.val_accuracy, "best_epoch": result.epoch}

    def add_line(self, level: str, message: str) -> None:
        """Take a line for the job's log."""
        self._lines.append((time.monotonic(), level, message))

    def flush_if_due(self) -> None:
        """Write, when there is something and the last write is a while ago. The database's absence costs only delay."""
        if (self._epochs or self._lines) and time.monotonic() - self._written >= WRITE_SECONDS:
            try:
                self.flush()
            except DatabaseUnavailable:
                self._written = time.monotonic()

    def flush(self) -> None:
        """Write everything that is waiting.

        Raises:
            LeaseLost: the job is somebody else's by now.
            DatabaseUnavailable: it stays waiting.
        """
        if self._epochs:
            self._require(attempts.record_epochs(self._db, self._claim, self._epochs, self.best))
            self._epochs.clear()
        self._flush_lines()
        self._written = time.monotonic()

    def _flush_lines(self) -> None:
        if self._lines:
            lines = self.take_lines()  # the thread that loads data may add one meanwhile
            self._require(attempts.log(self._db, self._claim, lines, keep=self._log_lines))
            del self._lines[: len(lines)]

    def take_epochs(self) -> list[dict[str, Any]]:
        """The epochs that wait, to be written together with the job's end."""
        return list(self._epochs)

    def take_lines(self) -> list[Line]:
        """The log lines that wait, for the same."""
        now = time.monotonic()
        return [Line(level, message, now - said) for said, level, message in list(self._lines)]

    @staticmethod
    def _require(ours: bool) -> None:
        if not ours:
            raise LeaseLost


class JobLogHandler(logging.Handler):
    """Copies what the training code logs while a job runs into that job's log."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.INFO)
        self._recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        """Take the event with its fields."""
        self._recorder.add_line(record.levelname, logs.text_of(record))
