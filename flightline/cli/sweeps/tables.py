"""Sweeps and their points as text: rows, facts, values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from rich.text import Text

from flightline.cli.columns import Columns
from flightline.cli.tables import NOTHING, age, count, duration, percent, plural, span
from flightline.client.search.sweep_records import BestPoint, SweepRecord, Trial

SWEEP_COLUMNS = Columns(
    ("ID", "NAME", "STATUS", "POINTS", "JOBS", "BEST", "AGE"),
    shortened="NAME",
    dropped=("JOBS", "AGE", "POINTS"),
)
OWNED_SWEEP_COLUMNS = Columns(
    ("ID", "NAME", "OWNER", "STATUS", "POINTS", "JOBS", "BEST", "AGE"),
    shortened="NAME",
    dropped=("JOBS", "AGE", "OWNER", "POINTS"),
)
OWNER_PLACE = 2
COLOURS = {
    "queued": "yellow",
    "running": "cyan",
    "undecided": "blue",
    "paused": "blue",
    "finished": "green",
    "succeeded": "green",
    "cancelled": "magenta",
    "failed": "red",
    "stopped": "dim",
}
"""Of sweeps' statuses and of their points'."""
LEAST_POINTS = 20
"""Points with a value of which the service says what matters."""
UNFINISHED = ("running", "queued", "paused")


def figure(value: float | None, metric: str) -> str:
    """An objective: an accuracy as a percentage, anything else with four digits; a dash for None."""
    if value is None:
        return NOTHING
    return percent(value) if metric.endswith("accuracy") else f"{value:.4g}"


def value_text(value: object) -> str:
    """A value of a point: numbers with four digits, texts as they are, lists as JSON."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Each path's shortest end that no other path has: ``lr`` for ``training.optimizer.lr``."""
    found = {}
    for path in paths:
        parts = path.split(".")
        ends = (".".join(parts[-length:]) for length in range(1, len(parts) + 1))
        alone = (end for end in ends if sum(f".{other}".endswith(f".{end}") for other in paths) == 1)
        found[path] = next(alone, path)
    return found


def point_text(params: Mapping[str, Any]) -> str:
    """A point's values in one line: ``lr=0.01 batch_size=64``."""
    names = short_names(list(params))
    return " ".join(f"{names[path]}={value_text(value)}" for path, value in params.items())


def status(text: str) -> Text:
    """A sweep's or a point's status in its colour."""
    return Text(text, COLOURS.get(text, ""))


def jobs_text(sweep: SweepRecord) -> str:
    """How many of a sweep's jobs have not finished, and have failed: ``8 running, 2 failed``; else where all ended."""
    counts = {name: number for name, number in sweep.counts.raw.items() if number}
    unfinished = [name for name in UNFINISHED if name in counts]
    shown = [*unfinished, *(["failed"] if "failed" in counts else [])] if unfinished else [*counts]
    return ", ".join(f"{counts[name]} {name}" for name in shown) or NOTHING


def best_text(sweep: SweepRecord) -> str:
    """The best objective so far; a dash while there is none."""
    return figure(sweep.best.value if sweep.best else None, sweep.objective.metric)


def sweep_table(sweeps: Sequence[SweepRecord], *, short: bool) -> tuple[Columns, list[list[object]]]:
    """Columns and rows of a list of sweeps; whose they are is shown where any has an owner."""
    rows = [_row(sweep, short=short) for sweep in sweeps]
    if not any(sweep.owner for sweep in sweeps):
        return SWEEP_COLUMNS, rows
    for sweep, row in zip(sweeps, rows, strict=True):
        row.insert(OWNER_PLACE, sweep.owner or NOTHING)
    return OWNED_SWEEP_COLUMNS, rows


def _row(sweep: SweepRecord, *, short: bool) -> list[object]:
    return [
        sweep.id[-8:] if short else sweep.id,
        sweep.name or NOTHING,
        status(sweep.status),
        f"{sweep.points_tried}/{sweep.points}",
        jobs_text(sweep),
        best_text(sweep),
        age(sweep.created_at),
    ]


def trial_table(sweep: SweepRecord, trials: Sequence[Trial], *, short: bool) -> tuple[Columns, list[list[object]]]:
    """Columns and rows of a sweep's points, with errors where one has some: a narrow terminal leaves them out first."""
    names = short_names(list(sweep.space))
    repeated, failed = sweep.repeats > 1, any(trial.error for trial in trials)
    middle = (*(["STD"] if repeated else []), "EPOCH", *names.values(), "JOB")
    headers = ("POINT", "STATUS", "VALUE", *middle, *(["ERROR"] if failed else []))
    rows: list[list[object]] = [
        [
            trial.point,
            status(trial.status),
            figure(trial.value, sweep.objective.metric),
            *([figure(trial.std, sweep.objective.metric)] if repeated else []),
            NOTHING if trial.value is None else trial.epoch,
            *(value_text(trial.raw["params"][path]) if path in trial.raw["params"] else NOTHING for path in names),
            _jobs(trial, short=short),
            *([_error(trial)] if failed else []),
        ]
        for trial in trials
    ]
    dropped = (*(["ERROR"] if failed else []), "JOB", "EPOCH", "STATUS")
    return Columns(headers, wrapped=(*names.values(), "ERROR"), dropped=dropped), rows


def trial_rows(trials: Sequence[Trial]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of a sweep's points as CSV: those of the service's own, with a column for each path."""
    rows = [{name: value for field in trial.raw.items() for name, value in _columns(*field)} for trial in trials]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[row.get(name) for name in columns] for row in rows]


def _columns(field: str, value: Any) -> Iterator[tuple[str, Any]]:
    if field == "params":
        yield from ((f"params.{path}", one) for path, one in value.items())
    else:
        yield field, value


def left_out(sweep: SweepRecord, trials: Sequence[Trial]) -> str:
    """How many of a sweep's points these are and how to see all of them, in a sentence; empty where none is missing."""
    made = sweep.points_made
    if len(trials) >= made:
        return ""
    return f"{len(trials)} of {count(made)} points are shown: `-n {made}` shows all of them."


def _error(trial: Trial) -> str:
    """Why a point failed, without the id of its only job, which stands beside it."""
    error = trial.error or ""
    return error.removeprefix(f"Its job {trial.jobs[0]} failed: ") if len(trial.jobs) == 1 else error


def undecided(sweep: SweepRecord, trials: Sequence[Trial]) -> str:
    """What the points of a sweep that are undecided wait for, in a sentence; empty where none is."""
    number = sum(trial.status == "undecided" for trial in trials)
    if not number:
        return ""
    until = f"until `flightline sweep resume {sweep.id[-8:]}`" if sweep.status == "paused" else "for its turn"
    return f"{plural(number, 'point')} undecided: the jobs of each have stopped, and its result waits {until}."


def _jobs(trial: Trial, *, short: bool) -> str:
    return ids_text(trial, short=short) or NOTHING


def ids_text(point: Trial | BestPoint, *, short: bool = False) -> str:
    """The ids of a point's jobs; behind each that was deleted it says so."""
    return " ".join((one[-8:] if short else one) + " (deleted)" * (one in point.deleted) for one in point.jobs)


def sweep_facts(sweep: SweepRecord) -> list[tuple[str, object]]:
    """The labels and values that `sweep show` prints above the points."""
    best = sweep.best
    facts: list[tuple[str, object]] = [
        ("sweep", sweep.id),
        ("name", sweep.name or NOTHING),
        *([("owner", sweep.owner)] if sweep.owner else []),
        ("status", status(sweep.status)),
        ("points", _points(sweep)),
        ("jobs", jobs_text(sweep)),
        *([("error", sweep.error)] if sweep.error else []),
        *[("warning", warning) for warning in sweep.warnings],
        ("algorithm", _algorithm(sweep)),
        ("objective", _objective(sweep)),
        ("stops", _stops(sweep)),
        ("epochs", f"{count(sweep.epochs_trained)} trained, {count(sweep.epochs_saved)} saved"),
        ("best", f"{best_text(sweep)} at {point_text(best.raw['params'])} (point {best.point})" if best else NOTHING),
        *([("best job", ids_text(best))] if best else []),
        ("created", sweep.created_at),
        ("finished", _finished(sweep)),
    ]
    return facts


def _points(sweep: SweepRecord) -> str:
    failed = f", {sweep.points_failed} failed" if sweep.points_failed else ""
    made = f", {sweep.points_made} made" if sweep.points_made < sweep.points else ""
    return f"{sweep.points_tried} of {sweep.points} tried{failed}{made}"


def _finished(sweep: SweepRecord) -> str:
    if sweep.finished_at is None:
        return NOTHING
    return f"{sweep.finished_at}, {duration(span(sweep.created_at, sweep.finished_at))} after its start"


def importance_facts(sweep: SweepRecord) -> list[tuple[str, object]]:
    """The share of each path in what sets the best points apart, the largest first."""
    if sweep.importance is None:
        return [("importance", _unknown(sweep))]
    shares = sorted(sweep.importance.items(), key=lambda pair: -pair[1])
    return [
        ("importance" if place == 0 else "", f"{percent(share)} {path}") for place, (path, share) in enumerate(shares)
    ]


def _unknown(sweep: SweepRecord) -> str:
    """Why nothing is said of what matters, and whether that may still come."""
    takes = f"it takes {LEAST_POINTS} points with different values"
    if sweep.points < LEAST_POINTS:
        return f"not known: {takes}, and this sweep has {sweep.points}"
    if sweep.ended:
        return f"not known: {takes}, and too few have one"
    return f"not known yet: {takes}"


def _algorithm(sweep: SweepRecord) -> str:
    kind, seed = sweep.algorithm.kind, sweep.algorithm.seed
    return "grid: every point" if kind == "grid" else f"{kind}, seed {seed}"


def _objective(sweep: SweepRecord) -> str:
    objective = sweep.objective
    wanted = objective.mode or ("min" if objective.metric.endswith("loss") else "max")
    return f"{wanted} {objective.metric} of the {objective.at} epoch"


def _stops(sweep: SweepRecord) -> str:
    if sweep.asha is None:
        return "none: every point trains to its end"
    rungs = ", ".join(map(str, sweep.rungs[:-1]))
    return f"after {rungs} of {plural(sweep.rungs[-1], 'epoch')}; the best 1/{sweep.asha.eta} go on"


def first_points(points: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """The first points of a sweep, one line each."""
    return [point_text(point) for point in islice(points, most)]
