"""show, download: what a job has left."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from flightline.arguments import find_job
from flightline.client import Client
from flightline.commands.options import JobId, Json
from flightline.console import err, out, print_json, print_table
from flightline.errors import NotFound, UsageError
from flightline.records import Job
from flightline.render import CLASS_HEADERS, NOTHING, class_rows, confusion_rows, job_facts


class Part(StrEnum):
    """What `show` shows."""

    job = "job"
    epochs = "epochs"
    evaluation = "evaluation"
    attempts = "attempts"
    log = "log"
    artifacts = "artifacts"


class Weights(StrEnum):
    """Whose evaluation."""

    best = "best"
    last = "last"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(show)
    app.command()(download)


def show(
    id: JobId,
    part: Annotated[Part, typer.Option(help="The whole job, or one part of it alone.")] = Part.job,
    weights: Annotated[Weights, typer.Option(help="Evaluation of the best or the last weights.")] = Weights.best,
    json: Json = False,
) -> None:
    """Show a job: where it stands, its result, the figures of each class."""
    with Client() as client:
        job_id = find_job(client, id)
        chosen: Literal["best", "last"] = "last" if weights is Weights.last else "best"
        if json:
            print_json(_document(client, job_id, part, chosen))
        elif part is Part.job:
            _show_job(client, client.job(job_id), chosen)
        elif part is Part.evaluation:
            _show_evaluation(client, job_id, chosen)
        else:
            _show_rows(_document(client, job_id, part, chosen), part)


def _document(client: Client, id: str, part: Part, weights: Literal["best", "last"]) -> Any:  # JSON
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


def _show_job(client: Client, job: Job, weights: Literal["best", "last"]) -> None:
    for label, value in job_facts(job):
        out().print(Text.assemble((f"{label:<11} ", "dim"), value if isinstance(value, Text) else str(value)))
    if job.succeeded:
        try:
            _show_evaluation(client, job.id, weights)
        except NotFound:
            return


def _show_evaluation(client: Client, id: str, weights: Literal["best", "last"]) -> None:
    evaluation = client.evaluation(id, weights)
    total = sum(map(sum, evaluation.confusion_matrix))
    out().print(f"\nThe {weights} weights on {total:,} validation images:")
    print_table(CLASS_HEADERS, class_rows(evaluation), "No classes.")
    headers, rows = confusion_rows(evaluation)
    print_table(headers, rows, "No classes.")


def _show_rows(document: Any, part: Part) -> None:
    """Columns or lists of objects as one table, without what is nested."""
    if part is Part.epochs:
        columns = {key: column for key, column in document.items() if isinstance(column, list)}
        headers, rows = list(columns), [[_cell(value) for value in row] for row in zip(*columns.values(), strict=True)]
    else:
        items = document["items"]
        headers = [key for key, value in items[0].items() if not isinstance(value, dict)] if items else []
        rows = [[_cell(item.get(key)) for key in headers] for item in items]
    print_table([header.upper().replace("_", " ") for header in headers], rows, f"No {part.value} yet.")


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    return f"{value:.5g}" if isinstance(value, float) else str(value)


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
