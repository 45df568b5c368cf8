"""The commands show and download, for what a job has stored."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from flightline.cli.arguments import find_job
from flightline.cli.commands.options import Csv, JobId, Json, one_format
from flightline.cli.console import err, out, print_csv, print_facts, print_json, print_table
from flightline.cli.hyperparameters import chosen
from flightline.cli.jobs.estimate import estimate_lines
from flightline.cli.jobs.ranking import verdict_lines
from flightline.cli.tables import (
    ARTIFACT_COLUMNS,
    ATTEMPT_COLUMNS,
    CLASS_COLUMNS,
    EPOCH_COLUMNS,
    LOG_COLUMNS,
    artifact_row,
    attempt_notes,
    attempt_row,
    class_rows,
    confusion_rows,
    epoch_rows,
    job_facts,
    log_row,
)
from flightline.client.client import Client
from flightline.client.records import Evaluation
from flightline.errors import NotFound, UsageError

Evaluated = Literal["best", "last", "test"]


class Part(StrEnum):
    """The parts of a job that `show --part` can print."""

    job = "job"
    epochs = "epochs"
    evaluation = "evaluation"
    attempts = "attempts"
    log = "log"
    artifacts = "artifacts"


class Scored(StrEnum):
    """What `show --weights` prints the evaluation of: the best or the last weights, or the best on the test split."""

    best = "best"
    last = "last"
    test = "test"


def register(app: typer.Typer) -> None:
    """Add `show` and `download` to the command-line application."""
    app.command()(show)
    app.command()(download)


def show(
    id: JobId,
    part: Annotated[Part, typer.Option(help="The whole job, or one part of it alone.")] = Part.job,
    weights: Annotated[
        Scored,
        typer.Option(help="Evaluation of the best or the last weights, or on the test images of a held-out job."),
    ] = Scored.best,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Show a job: where it stands, its result, what it sets beyond the defaults, the figures of each class."""
    one_format(csv=csv, json=json)
    if csv and part is not Part.epochs:
        raise UsageError("--csv is for --part epochs; `flightline jobs --csv` has jobs.")
    with Client() as client:
        job_id = find_job(client, id)
        if json:
            print_json(_document(client, job_id, part, weights.value))
        elif csv:
            epochs = client.epochs(job_id)
            print_csv(list(epochs.columns()), (list(row.raw.values()) for row in epochs))
        else:
            shows: dict[Part, Callable[[Client, str], None]] = {
                Part.job: partial(_show_job, weights=weights.value),
                Part.epochs: _show_epochs,
                Part.evaluation: partial(_show_evaluation, weights=weights.value),
                Part.attempts: _show_attempts,
                Part.log: _show_log,
                Part.artifacts: _show_artifacts,
            }
            shows[part](client, job_id)


def _document(client: Client, id: str, part: Part, weights: Evaluated) -> Any:  # JSON
    def listed(items: Any) -> dict[str, Any]:
        return {"items": [item.raw for item in items], "next_cursor": None}

    reads: dict[Part, Callable[[], Any]] = {
        Part.job: lambda: client.job(id).raw,
        Part.epochs: lambda: client.epochs(id).raw,
        Part.evaluation: lambda: client.evaluation(id, weights).raw,
        Part.attempts: lambda: listed(client.attempts(id)),
        Part.log: lambda: listed(client.log(id)),
        Part.artifacts: lambda: listed(client.artifacts(id)),
    }
    return reads[part]()


def _show_job(client: Client, id: str, weights: Evaluated) -> None:
    job = client.job(id)
    preset = [("preset", job.preset)] if job.preset else []
    estimated = [("estimate", line) for line in estimate_lines(job.raw.get("estimate"))]
    compared = [("replay of", job.replay_of)] if job.raw.get("replay_of") else []
    compared += [("compared", line) for line in verdict_lines(job)]
    print_facts([*job_facts(job), *compared, *estimated, *preset, *(("set", line) for line in chosen(job))])
    if job.succeeded:
        try:
            _show_evaluation(client, job.id, weights)
            if job.spec.get("dataset", {}).get("holdout_fraction") and weights == "best":
                _show_evaluation(client, job.id, "test")
        except NotFound:
            return


def _show_evaluation(client: Client, id: str, weights: Evaluated) -> None:
    show_evaluation(client.evaluation(id, weights), "test images" if weights == "test" else "validation images")


def show_evaluation(evaluation: Evaluation, images: str) -> None:
    """Print the figures of each class and the confusion matrix; `images` says what was scored."""
    total = sum(map(sum, evaluation.confusion_matrix))
    weights = "best" if evaluation.weights == "test" else evaluation.weights
    out().print(f"\nThe {weights} weights on {total:,} {images}:", markup=False)
    print_table(CLASS_COLUMNS, class_rows(evaluation), "No classes.")
    columns, rows = confusion_rows(evaluation)
    print_table(columns, rows, "No classes.")


def _show_epochs(client: Client, id: str) -> None:
    print_table(EPOCH_COLUMNS, epoch_rows(client.epochs(id)), "No epochs.")


def _show_attempts(client: Client, id: str) -> None:
    attempts = client.attempts(id)
    print_table(ATTEMPT_COLUMNS, [attempt_row(one) for one in attempts], "No attempts.")
    for note in (note for attempt in attempts for note in attempt_notes(attempt)):
        out().print(note, markup=False)


def _show_log(client: Client, id: str) -> None:
    print_table(LOG_COLUMNS, [log_row(line) for line in client.log(id)], "No log.")


def _show_artifacts(client: Client, id: str) -> None:
    short = out().is_terminal
    rows = [artifact_row(one, short=short) for one in client.artifacts(id)]
    print_table(ARTIFACT_COLUMNS, rows, "No artifacts.")


def download(
    id: JobId,
    name: Annotated[str | None, typer.Argument(help="One artifact's name; all without it.", show_default=False)] = None,
    to: Annotated[Path, typer.Option(help="The folder to put them in.")] = Path(),
    json: Json = False,
) -> None:
    """Download a job's weights and other files, checked against their sha256."""
    with Client() as client:
        job_id = find_job(client, id)
        artifacts = [item for item in client.artifacts(job_id) if name in {None, item.name}]
        if not artifacts and name is not None:
            raise NotFound(404, {"detail": f"Job {job_id} has no artifact {name!r}.", "code": "not_found"})
        saved = [_save(client, job_id, item.name, to) for item in artifacts]
    if json:
        print_json({"items": [item.raw for item in artifacts], "next_cursor": None})
    else:
        for path in saved:
            out().print(str(path), markup=False)
        if not saved:
            err().print(f"Job {job_id} has left no artifacts.", markup=False)


def _save(client: Client, id: str, name: str, to: Path) -> Path:
    if to.exists() and not to.is_dir():
        raise UsageError(f"{str(to)!r} is a file; --to takes a folder.")
    try:
        to.mkdir(parents=True, exist_ok=True)
        return client.download(id, name, to)
    except OSError as error:
        raise UsageError(f"{name} cannot be written to the folder {str(to)!r}: {error.strerror or error}.") from error
