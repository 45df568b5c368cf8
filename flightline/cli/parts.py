"""The parts of a job as tables that fit a terminal of 80 columns; `show --json` has every field and every digit."""

from __future__ import annotations

from collections.abc import Iterator

from flightline.cli.columns import Columns
from flightline.cli.tables import NOTHING, duration, loss, moment, percent, plural, scaled, span
from flightline.client.records import Artifact, Attempt, Epochs, LogLine

EPOCH_COLUMNS = Columns(
    ("EPOCH", "TRAIN LOSS", "TRAIN ACC", "VAL LOSS", "VAL ACC", "LR", "SECONDS"),
    dropped=("SECONDS", "LR", "TRAIN ACC", "TRAIN LOSS"),
)
ATTEMPT_COLUMNS = Columns(
    ("ATTEMPT", "WORKER", "OUTCOME", "RESUMED", "TOOK", "ERROR"),
    wrapped=("WORKER",),
    dropped=("RESUMED", "TOOK", "WORKER"),
)
LOG_COLUMNS = Columns(
    ("TIME (UTC)", "ATTEMPT", "LEVEL", "MESSAGE"), wrapped=("MESSAGE",), dropped=("ATTEMPT", "LEVEL", "TIME (UTC)")
)
ARTIFACT_COLUMNS = Columns(
    ("NAME", "SIZE", "CREATED (UTC)", "SHA256"), wrapped=("NAME",), dropped=("CREATED (UTC)", "SHA256", "SIZE")
)

SHORT_SUM = 12


def epoch_rows(epochs: Epochs) -> list[list[object]]:
    """One line an epoch."""
    return [
        [
            row.epoch,
            loss(row.train_loss),
            percent(row.train_accuracy),
            loss(row.val_loss),
            percent(row.val_accuracy),
            f"{row.lr:.3g}",
            f"{row.seconds:.2f}",
        ]
        for row in epochs.rows()
    ]


def attempt_row(attempt: Attempt) -> list[object]:
    """One line of the attempts: who tried, how it ended and, where it failed, by which code."""
    return [
        attempt.attempt,
        attempt.worker,
        attempt.outcome or "running",
        NOTHING if attempt.resumed_from_epoch is None else f"from {attempt.resumed_from_epoch}",
        duration(span(attempt.started_at, attempt.finished_at)),
        attempt.error.code if attempt.error else NOTHING,
    ]


def attempt_notes(attempt: Attempt) -> Iterator[str]:
    """What is too long for a table: what an attempt ran on, and why it failed."""
    if (ran := attempt.environment) is not None:
        threads = plural(ran.get("threads", 0), "thread")
        data = str(ran.get("data_fingerprint"))[:SHORT_SUM]
        yield (
            f"Attempt {attempt.attempt} ran {ran.get('engine')} on {attempt.device} ({ran.get('capability')}), "
            f"{threads}, torch {ran.get('torch')}, data {data}."
        )
    if attempt.error is not None:
        ended = str(attempt.outcome).replace("_", " ")
        yield f"Attempt {attempt.attempt} {ended}: {attempt.error.detail}"


def log_row(line: LogLine) -> list[object]:
    """One line of the log."""
    return [moment(line.created_at), line.attempt, line.level, line.message]


def artifact_row(artifact: Artifact, *, short: bool) -> list[object]:
    """One line of the files; the beginning of a sum is enough for people."""
    shown = artifact.sha256[:SHORT_SUM] if short else artifact.sha256
    return [artifact.name, scaled(artifact.bytes, "B"), moment(artifact.created_at), shown]
