"""The commands jobs and compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from flightline.cli.arguments import find_sweep, own_name
from flightline.cli.commands.options import Csv, Ids, Json, Tagged, Where, one_format
from flightline.cli.console import out, print_csv, print_json, print_table
from flightline.cli.jobs.comparison import comparison_table
from flightline.cli.jobs.fields import Field, condition, fields, header, order, row, values
from flightline.cli.jobs.selection import selected
from flightline.cli.tables import job_table
from flightline.client.client import Client
from flightline.client.display.tables import Table
from flightline.client.jobs import Job
from flightline.errors import UsageError

Text = str | None
Page = dict[str, Any]
PAGE_LIMIT = 500
NO_JOBS = "No jobs. Submit one: `flightline submit --preset notebook-tapered`."
NO_MATCH = "No job matches these filters."


def register(app: typer.Typer) -> None:
    """Add `jobs` and `compare` to the command-line application."""
    app.command("jobs")(list_jobs)
    app.command()(compare)


def list_jobs(
    status: Annotated[
        list[str] | None, typer.Option(help="queued, running, paused, succeeded, failed or cancelled; may be repeated.")
    ] = None,
    where: Where = None,
    sweep: Annotated[Text, typer.Option(help="Made by this sweep: its id, the end of it, or `last`.")] = None,
    owner: Annotated[Text, typer.Option(help="Submitted by this owner.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Submitted by you.")] = False,
    text: Annotated[Text, typer.Option(help="With this word in name, tags or notes.")] = None,
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
        typer.Option(
            help="created_at, val_accuracy, best_val_accuracy, val_loss, finished_at, or a field such as "
            "spec.training.optimizer.lr; prefix with - for descending."
        ),
    ] = "-created_at",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    columns: Annotated[
        Text,
        typer.Option(help="Show these fields, such as id,name,lr,val_accuracy: paths in a job's JSON, or their ends."),
    ] = None,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    filters = {key: value for key, value in locals().items() if key not in _NO_FILTERS}
    one_format(csv=csv, json=json)
    if json and columns:
        raise UsageError("--columns is for tables and --csv; --json has every field.")
    filters["where"] = [condition(one) for one in where or []]
    with Client() as client:
        if mine:
            filters["owner"] = _own_name(client, owner)
        if sweep is not None:
            filters["sweep"] = find_sweep(client, sweep).id
        page = _listed(client, order(sort), limit, filters)
    if json:
        print_json(page)
        return
    wanted = fields(columns, page["items"]) if columns else None
    empty = NO_MATCH if any(value not in (None, []) for value in filters.values()) else NO_JOBS
    if csv:
        _print_csv(page["items"], wanted)
    else:
        _print_table(page["items"], wanted, empty)


_NO_FILTERS = {"mine", "sort", "limit", "columns", "csv", "json"}


def _own_name(client: Client, owner: str | None) -> str:
    """The owner whose token the client sends.

    Raises:
        UsageError: another owner is asked for too, or no token is sent.
    """
    mine = own_name(client)
    if mine is None:
        raise UsageError(f"You have not signed in to {client.base_url}: `flightline login`, or leave out --mine.")
    if owner not in (None, mine):
        raise UsageError(f"Give --owner or --mine, not both: you are {mine}.")
    return mine


def _listed(client: Client, sort: str, limit: int, filters: Mapping[str, Any]) -> Page:
    """The first `limit` jobs as one page, which may be more than the service has in one of its own."""
    page = client.page(sort=sort, limit=min(limit, PAGE_LIMIT), **filters)
    while len(page["items"]) < limit and page["next_cursor"]:
        rest = min(limit - len(page["items"]), PAGE_LIMIT)
        more = client.page(sort=sort, limit=rest, cursor=page["next_cursor"], **filters)
        page = {"items": page["items"] + more["items"], "next_cursor": more["next_cursor"]}
    return page


def _print_table(jobs: list[dict[str, Any]], wanted: list[Field] | None, empty: str) -> None:
    short = out().is_terminal
    if wanted is None:
        print_table(*job_table([Job(item) for item in jobs], short=short), empty)
    else:
        print_table(header(wanted), [row(item, wanted, short=short) for item in jobs], empty)


def _print_csv(jobs: list[dict[str, Any]], wanted: list[Field] | None) -> None:
    """Print the fields that are wanted, or all of them: those that differ between the jobs first."""
    if wanted is None:
        table = Table(jobs)
        print_csv(table.columns, ([line[column] for column in table.columns] for line in table))
    else:
        print_csv([field.name for field in wanted], (values(item, wanted) for item in jobs))


def compare(ids: Ids = None, tag: Tagged = None, where: Where = None, csv: Csv = False, json: Json = False) -> None:
    """Compare jobs: which fields of their specs differ, what came of them, and their curves.

    Example: flightline compare 4e60 99ab 03f2.
    """
    one_format(csv=csv, json=json)
    with Client() as client:
        found = client.compare(selected(client, ids or [], tag=tag, where=where or []))
    if json:
        print_json(found.raw)
    elif csv:
        rows = found.rows()
        print_csv(list(rows[0]), (list(line.values()) for line in rows))
    else:
        print_table(*comparison_table(found, out().width if out().is_terminal else None), "No jobs.")
