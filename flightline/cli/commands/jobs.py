"""The commands jobs, priority, cancel and delete."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flightline.cli.arguments import find_job
from flightline.cli.commands.options import JobId, Json
from flightline.cli.console import out, print_json, print_table
from flightline.cli.tables import JOB_COLUMNS, job_row, title
from flightline.client.client import Client
from flightline.client.jobs import Job

Text = str | None
PAGE_LIMIT = 500
NO_JOBS = "No jobs. Submit one: `flightline submit --preset notebook-tapered`."


def register(app: typer.Typer) -> None:
    """Add `jobs`, `priority`, `cancel` and `delete` to the command-line application."""
    app.command("jobs")(list_jobs)
    app.command()(priority)
    app.command()(cancel)
    app.command()(delete)


def list_jobs(
    status: Annotated[
        list[str] | None, typer.Option(help="queued, running, succeeded, failed or cancelled; may be repeated.")
    ] = None,
    device: Annotated[Text, typer.Option(help="Ran last on this: cpu, cuda, or one GPU such as cuda:1.")] = None,
    architecture_kind: Annotated[Text, typer.Option("--kind", help="Architecture: mlp, layers, torchvision.")] = None,
    preset: Annotated[Text, typer.Option(help="Submitted from this preset.")] = None,
    tag: Annotated[Text, typer.Option(help="With this tag.")] = None,
    name: Annotated[Text, typer.Option(help="With exactly this name.")] = None,
    min_val_accuracy: Annotated[float | None, typer.Option(help="Latest accuracy of at least this, 0–1.")] = None,
    min_best_val_accuracy: Annotated[float | None, typer.Option(help="Best accuracy of at least this, 0–1.")] = None,
    created_after: Annotated[Text, typer.Option(help="Such as 2026-01-31T12:00:00Z.")] = None,
    created_before: Annotated[Text, typer.Option(help="Such as 2026-01-31T12:00:00Z.")] = None,
    config_hash: Annotated[Text, typer.Option(help="The same but for the seed.")] = None,
    sort: Annotated[
        str,
        typer.Option(help="created_at, val_accuracy, best_val_accuracy or finished_at; prefix with - for descending."),
    ] = "-created_at",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    filters: dict[str, Any] = {
        "status": status,
        "device": device,
        "architecture_kind": architecture_kind,
        "preset": preset,
        "tag": tag,
        "name": name,
        "min_val_accuracy": min_val_accuracy,
        "min_best_val_accuracy": min_best_val_accuracy,
        "created_after": created_after,
        "created_before": created_before,
        "config_hash": config_hash,
    }
    with Client() as client:
        page = client.page(sort=sort, limit=min(limit, PAGE_LIMIT), **filters)
        while len(page["items"]) < limit and page["next_cursor"]:
            rest = min(limit - len(page["items"]), PAGE_LIMIT)
            more = client.page(sort=sort, limit=rest, cursor=page["next_cursor"], **filters)
            page = {"items": page["items"] + more["items"], "next_cursor": more["next_cursor"]}
    if json:
        print_json(page)
        return
    filtered = any(value not in (None, []) for value in filters.values())
    short = out().is_terminal
    rows = [job_row(Job(item), short=short) for item in page["items"]]
    print_table(JOB_COLUMNS, rows, "No job matches these filters." if filtered else NO_JOBS)


def priority(
    id: JobId,
    number: Annotated[int, typer.Argument(metavar="N", min=0, max=9, help="9 is the most urgent.", show_default=False)],
    json: Json = False,
) -> None:
    """Let a queued job start earlier or later than others."""
    with Client() as client:
        job = client.set_priority(find_job(client, id), number)
    if json:
        print_json(job.raw)
    else:
        out().print(f"{title(job)} has priority {job.priority}. Job {job.id}", markup=False)


def cancel(id: JobId, json: Json = False) -> None:
    """Cancel a job: at once while it is queued, within about a second while it runs."""
    with Client() as client:
        job = client.cancel(find_job(client, id))
    if json:
        print_json(job.raw)
    else:
        done = (
            f"{title(job)} is cancelled."
            if job.finished
            else f"Cancelling {title(job)}; it stops within about a second."
        )
        out().print(f"{done} Job {job.id}", markup=False)


def delete(id: JobId, json: Json = False) -> None:
    """Delete a finished job with its epochs and artifacts."""
    with Client() as client:
        job_id = find_job(client, id)
        client.delete(job_id)
    if not json:  # the service answers a deletion with nothing
        out().print(f"Deleted job {job_id}", markup=False)
