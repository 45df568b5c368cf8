"""Writes epochs and log lines from the loop to SQL, in batches, so that quick epochs do not wait for the disk."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

from typing_extensions import override

from shared import logs
from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs.running import attempts
from shared.jobs.running.attempts import Line
from shared.jobs.running.claims import Claim
from worker.training.errors import LeaseLost
from worker.training.results import EpochResult

WRITE_SECONDS = 0.25
"""The least time between two writes."""


class Recorder:
    """Collects an attempt's epochs and log lines; `flush` writes them.

    Args:
        db: the database.
        claim: the job and its attempt.
        log_lines: the most lines that a job's log holds.
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
        """Add a finished epoch, to be written by the next `flush`."""
        self._epochs.append(dataclasses.asdict(result))
        if not self.best or result.val_accuracy > self.best["best_val_accuracy"]:
            self.best = {"best_val_accuracy": result.val_accuracy, "best_epoch": result.epoch}

    def add_line(self, level: str, message: str) -> None:
        """Add a line to the job's log, to be written by the next `flush`."""
        self._lines.append((time.monotonic(), level, message))

    def flush_if_due(self) -> None:
        """Write pending records if the last write is `WRITE_SECONDS` ago; an unavailable database only delays them."""
        if (self._epochs or self._lines) and time.monotonic() - self._written >= WRITE_SECONDS:
            try:
                self.flush()
            except DatabaseUnavailable:
                self._written = time.monotonic()

    def flush(self) -> None:
        """Write all pending epochs and log lines.

        Raises:
            LeaseLost: the job is another worker's by now.
            DatabaseUnavailable: the database is unavailable; the records stay pending.
        """
        if self._epochs:
            self._require_lease(attempts.record_epochs(self._db, self._claim, self._epochs, self.best))
            self._epochs.clear()
        self._flush_lines()
        self._written = time.monotonic()

    def _flush_lines(self) -> None:
        if self._lines:
            lines = self.pending_lines()  # the thread that loads data may add a line meanwhile
            self._require_lease(attempts.log(self._db, self._claim, lines, keep=self._log_lines))
            del self._lines[: len(lines)]

    def pending_epochs(self) -> list[dict[str, Any]]:
        """Epochs not written yet, as rows to be written together with the job's end."""
        return list(self._epochs)

    def pending_lines(self) -> list[Line]:
        """Log lines not written yet, to be written together with the job's end."""
        now = time.monotonic()
        return [Line(level, message, now - said) for said, level, message in list(self._lines)]

    @staticmethod
    def _require_lease(recorded: bool) -> None:
        if not recorded:
            raise LeaseLost


class JobLogHandler(logging.Handler):
    """Copies what the training code logs while a job runs into that job's log."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.INFO)
        self._recorder = recorder

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._recorder.add_line(record.levelname, logs.text_of(record))
