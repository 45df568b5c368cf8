"""Jobs with their parts, workers and queues as text: cells, lines, tables that fit a terminal of 80 columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from rich.text import Text

from flightline.cli.columns import Columns
from flightline.client.display.tables import flat
from flightline.client.jobs import Job
from flightline.client.records import Artifact, Attempt, Epochs, Evaluation, JobRecord, LogLine, Queue, Worker

BLOCKS = "▁▂▃▄▅▆▇█"
COLOURS = {
    "queued": "yellow",
    "running": "cyan",
    "paused": "blue",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
}
NOTHING = "–"
NAMED_CLASSES = 4
SHORT_SUM = 12
UNITS = tuple(pairwise((("d", 86400), ("h", 3600), ("m", 60), ("s", 1))))

JOB_COLUMNS = Columns(
    ("ID", "NAME", "STATUS", "EPOCH", "VAL ACC", "BEST", "DEVICE", "AGE"),
    shortened="NAME",
    dropped=("DEVICE", "EPOCH", "BEST", "AGE", "VAL ACC", "STATUS"),
)
OWNER_PLACE = 2
OWNED_JOB_COLUMNS = Columns(
    (*JOB_COLUMNS.headers[:OWNER_PLACE], "OWNER", *JOB_COLUMNS.headers[OWNER_PLACE:]),
    shortened="NAME",
    dropped=("DEVICE", "EPOCH", "BEST", "AGE", "OWNER", "VAL ACC", "STATUS"),
)
WORKER_COLUMNS = Columns(
    ("WORKER", "DEVICE", "STATE", "JOB", "DATA", "HEARTBEAT"),
    wrapped=("DATA",),
    dropped=("HEARTBEAT", "DATA", "DEVICE", "STATE"),
)
QUEUE_COLUMNS = Columns(("QUEUE", "WAITING", "OLDEST", "IN REDIS"), dropped=("IN REDIS", "OLDEST"))
CLASS_COLUMNS = Columns(("CLASS", "PRECISION", "RECALL", "F1", "IMAGES"), shortened="CLASS", dropped=("IMAGES",))
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


def percent(value: float | None) -> str:
    """A fraction of 0 to 1 as a percentage with one decimal, halves up as on the page: ``81.0 %``; a dash for None."""
    return NOTHING if value is None else f"{Decimal(100 * value).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def loss(value: float | None) -> str:
    """A loss with four decimals: ``0.4444``; a dash for None."""
    return NOTHING if value is None else f"{value:.4f}"


def duration(seconds: float | None) -> str:
    """Seconds in their two largest units that are not zero: ``9 s``, ``2 m 11 s``, ``3 h``, ``12 d 4 h``."""
    if seconds is None:
        return NOTHING
    rest = max(0, round(seconds))
    for (unit, length), (smaller, part) in UNITS:
        if rest >= length:
            whole, left = rest // length, rest % length // part
            return f"{whole} {unit} {left} {smaller}" if left else f"{whole} {unit}"
    return f"{rest} s"


def plural(number: int, noun: str) -> str:
    """A number with its noun in the singular or plural: 1 epoch, 3 epochs."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def count(number: int) -> str:
    """A number with separators: 3,737,474."""
    return f"{number:,}"


def scaled(value: float, unit: str) -> str:
    """An amount with the prefix that fits: 488 B, 24.6 kB, 15.0 MB, 161.2 GFLOP."""
    for prefix in ("", "k", "M", "G", "T"):
        if round(value, 1 if prefix else 0) < 1000:
            return f"{value:.1f} {prefix}{unit}" if prefix else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:,.1f} P{unit}"


def age(since: str | None) -> str:
    """The time since an ISO 8601 instant, as `duration` writes it; a dash for None."""
    return NOTHING if since is None else duration(span(since, None))


def span(start: str, end: str | None) -> float:
    """The seconds between two ISO 8601 instants; up to now where `end` is None."""
    until = dt.datetime.fromisoformat(end) if end else dt.datetime.now(dt.UTC)
    return (until - dt.datetime.fromisoformat(start)).total_seconds()


def moment(text: str) -> str:
    """An ISO 8601 instant without its year and fractions: ``01-31 12:00:01``, in UTC."""
    return f"{dt.datetime.fromisoformat(text).astimezone(dt.UTC):%m-%d %H:%M:%S}"


def sparkline(values: Sequence[float | None], width: int = 24, *, scale: tuple[float, float] | None = None) -> str:
    """A curve of the values in at most `width` block characters.

    Args:
        values: the values; those that are None are left out.
        width: the most characters.
        scale: the values of the lowest and the highest block; default the curve's own least and largest.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    step = max(1.0, len(known) / width)
    points = [known[min(len(known) - 1, int((index + 1) * step) - 1)] for index in range(min(width, len(known)))]
    low, high = scale or (min(points), max(points))
    return "".join(BLOCKS[round((value - low) / ((high - low) or 1.0) * (len(BLOCKS) - 1))] for value in points)


def title(job: Job) -> str:
    """The job's name, else its preset, else its kind of architecture."""
    return job.title


def status(job: JobRecord) -> Text:
    """The job's status in its colour, also `cancelling`, and for a queued job the wait before its next attempt."""
    pending = job.cancel_requested and not job.finished
    wait = next_attempt(job)
    text = "cancelling" if pending else f"{job.status}, {wait}" if wait else job.status
    return Text(text, COLOURS.get(job.status, ""))


def next_attempt(job: JobRecord) -> str:
    """The time until a failed job's next attempt: ``retry in 50 s``; empty for a job that may be tried now.

    Services of release 0.1 do not report the instant.
    """
    instant = job.raw.get("not_before")
    seconds = -span(instant, None) if instant else 0.0
    return f"retry in {duration(seconds)}" if seconds > 0 else ""


def job_table(jobs: Sequence[Job], *, short: bool) -> tuple[Columns, list[list[object]]]:
    """Columns and rows of a list of jobs; whose they are is shown where any has an owner."""
    rows = [job_row(job, short=short) for job in jobs]
    if not any(job.raw.get("owner") for job in jobs):
        return JOB_COLUMNS, rows
    for job, row in zip(jobs, rows, strict=True):
        row.insert(OWNER_PLACE, job.raw.get("owner") or NOTHING)
    return OWNED_JOB_COLUMNS, rows


def job_row(job: Job, *, short: bool) -> list[object]:
    """A job's cells for `JOB_COLUMNS`; a short id is the end of the whole one, as ids of one minute begin alike."""
    result = job.result
    return [
        job.id[-8:] if short else job.id,
        title(job),
        status(job),
        f"{job.progress.epoch}/{job.progress.epochs}",
        percent(result.val_accuracy if result else None),
        percent(result.best_val_accuracy if result else None),
        job.device or job.spec.get("resources", {}).get("device", NOTHING),
        age(job.created_at),
    ]


def classes(names: Sequence[str]) -> str:
    """Up to four class names, separated by commas; the number of classes where there are more."""
    return ", ".join(names) if len(names) <= NAMED_CLASSES else f"{len(names)} classes"


def worker_row(worker: Worker, *, short: bool) -> list[object]:
    """A worker's cells for `WORKER_COLUMNS`; `short` cuts its job's id to eight characters."""
    held = sorted({f"{one.get('name')} ({classes(one.get('classes', ()))})" for one in worker.datasets})
    job_id = worker.job_id or NOTHING
    return [
        worker.id,
        _device(worker),
        Text(worker.state, "green" if worker.live else "red"),
        job_id[-8:] if short else job_id,
        ", ".join(held) or NOTHING,
        f"{age(worker.last_heartbeat_at)} ago",
    ]


def _device(worker: Worker) -> str:
    if worker.predicts:
        return "predictor"
    return worker.device if worker.device_kind == "cpu" else worker.device_name or worker.device


def queue_row(queue: Queue) -> list[object]:
    """A queue's cells for `QUEUE_COLUMNS`."""
    messages = "Redis is down" if queue.messages is None else queue.messages
    return [queue.name, queue.depth, duration(queue.oldest_age_seconds), messages]


def class_rows(evaluation: Evaluation) -> list[list[object]]:
    """The cells for `CLASS_COLUMNS`, one row for each class."""
    return [
        [name, percent(one.precision), percent(one.recall), percent(one.f1), one.support]
        for name, one in zip(evaluation.classes, evaluation.per_class, strict=True)
    ]


def confusion_rows(evaluation: Evaluation) -> tuple[Columns, list[list[object]]]:
    """Columns and rows of the confusion matrix: one row for each true class, one column for each predicted one."""
    columns = Columns(("TRUE \\ PREDICTED", *evaluation.classes))
    rows = zip(evaluation.classes, evaluation.confusion_matrix, strict=True)
    return columns, [[name, *counts] for name, counts in rows]


def epoch_rows(epochs: Epochs) -> list[list[object]]:
    """The cells for `EPOCH_COLUMNS`, one row for each epoch."""
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
    """An attempt's cells for `ATTEMPT_COLUMNS`; the last one is the error's code."""
    return [
        attempt.attempt,
        attempt.worker,
        attempt.outcome or "running",
        NOTHING if attempt.resumed_from_epoch is None else f"from {attempt.resumed_from_epoch}",
        duration(span(attempt.started_at, attempt.finished_at)),
        attempt.error.code if attempt.error else NOTHING,
    ]


def attempt_notes(attempt: Attempt) -> Iterator[str]:
    """Sentences that are too long for a table: what an attempt ran on, and why it failed."""
    if (ran := attempt.environment) is not None:
        threads = plural(ran.get("threads", 0), "thread")
        data = str(ran.get("data_fingerprint"))[:SHORT_SUM]
        yield (
            f"Attempt {attempt.attempt} ran with the engine {ran.get('engine')} on {attempt.device} "
            f"({ran.get('capability')}), {threads}, torch {ran.get('torch')}, data fingerprint {data}."
        )
    if attempt.error is not None:
        ended = str(attempt.outcome).replace("_", " ")
        yield f"Attempt {attempt.attempt} {ended}: {attempt.error.detail}"


def log_row(line: LogLine) -> list[object]:
    """A log line's cells for `LOG_COLUMNS`."""
    return [moment(line.created_at), line.attempt, line.level, line.message]


def artifact_row(artifact: Artifact, *, short: bool) -> list[object]:
    """A file's cells for `ARTIFACT_COLUMNS`; `short` cuts the sha256 to its first 12 digits."""
    shown = artifact.sha256[:SHORT_SUM] if short else artifact.sha256
    return [artifact.name, scaled(artifact.bytes, "B"), moment(artifact.created_at), shown]


def job_facts(job: Job) -> list[tuple[str, object]]:
    """The labels and values that `show` prints of a job; after a failure its reason and time come first."""
    facts: list[tuple[str, object]] = [
        ("job", job.id),
        ("name", title(job)),
        *([("owner", job.raw["owner"])] if job.raw.get("owner") else []),
        *([("tags", ", ".join(job.tags))] if job.tags else []),
        ("status", status(job)),
        *_failure(job),
        *([("epochs", f"{job.progress.epoch} of {job.progress.epochs}")] if job.progress.epochs else []),
        *(_run_facts(job.raw["spec"]) if job.raw.get("kind") == "imported" else _machine_facts(job)),
        ("created", job.created_at),
        ("started", job.started_at or NOTHING),
        ("finished", job.finished_at or NOTHING),
    ]
    if job.progress.eta_seconds is not None:
        facts.append(("left", duration(job.progress.eta_seconds)))
    notes: list[tuple[str, object]] = [("notes", job.raw["notes"])] if job.raw.get("notes") else []
    return facts + _result_facts(job) + _trouble(job) + notes


def _machine_facts(job: Job) -> list[tuple[str, object]]:
    """The labels and values of what was trained, where and how."""
    return [
        ("parameters", count(job.cost.parameters)),
        ("device", job.device or NOTHING),
        ("worker", job.worker or NOTHING),
        ("engine", job.engine or NOTHING),
        ("exact", _exact(job)),
        ("attempts", job.attempts),
    ]


def _run_facts(spec: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The labels and values of a run that was imported: where it is from, and the last value of each metric."""
    run = spec["run"]
    where = f" of {run['experiment']}" if run.get("experiment") else ""
    by = f", by {run['user']}" if run.get("user") else ""
    last = [("metric", f"{name}={value:g}") for name, value in flat(spec["metrics"]).items()]
    return [("imported", f"{run['source']} run {run['id']}{where}{by}"), *last]


def _failure(job: Job) -> list[tuple[str, object]]:
    """The labels and values of a failure: the reason, the epoch and the time; none without an error."""
    if job.error is None:
        return []
    facts: list[tuple[str, object]] = [("error", Text(f"{job.error.detail} ({job.error.code})", "bold red"))]
    if job.status == "failed":
        after = f", {duration(span(job.started_at, job.finished_at))} after its start" if job.started_at else ""
        at = f" at {job.finished_at}" if job.finished_at else ""
        facts.append(("failed", Text(f"{_place(job)}{at}{after}", "red")))
    return facts


def _place(job: Job) -> str:
    if job.engine is None:
        return "before training began,"
    done, all_of_them = job.progress.epoch, job.progress.epochs
    if not all_of_them:
        return "while it scored images,"
    return f"after epoch {done} of {done}," if done == all_of_them else f"in epoch {done + 1} of {all_of_them},"


def _exact(job: Job) -> str:
    if job.engine is None:  # nothing was computed that could be repeated
        return NOTHING
    return "yes" if job.exact else "no: run again, its figures may differ in their last digits"


def _result_facts(job: Job) -> list[tuple[str, object]]:
    result = job.result
    if result is None:
        return []
    facts: list[tuple[str, object]] = [
        ("train", f"loss {loss(result.train_loss)}, accuracy {percent(result.train_accuracy)}"),
        ("validation", f"loss {loss(result.val_loss)}, accuracy {percent(result.val_accuracy)}"),
    ]
    if result.best_epoch is not None:
        facts.append(("best", f"accuracy {percent(result.best_val_accuracy)} after epoch {result.best_epoch}"))
    return facts


def _trouble(job: Job) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("warning", warning) for warning in job.warnings]
    # A service of the release before does not say the others.
    said = (
        *(("retry of", "retry_of"), ("sweep", "sweep")),
        *(("served from", "served_from"), ("goes on from", "continued_from")),
    )
    return facts + [(what, job.raw[field]) for what, field in said if job.raw.get(field)]
