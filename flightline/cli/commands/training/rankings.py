"""The commands leaderboard, settle and replay: which configuration is best, and whether a job comes out the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flightline.cli.arguments import find_job, find_sweep
from flightline.cli.commands.options import Csv, JobId, Json, Watch, Where, one_format
from flightline.cli.commands.training.submission import announce_warnings, follow_to_success
from flightline.cli.console import err, out, print_csv, print_json, print_table
from flightline.cli.jobs.fields import condition
from flightline.cli.jobs.ranking import (
    BOARD_COLUMNS,
    SETTLED_COLUMNS,
    board_note,
    board_rows,
    settled_note,
    settled_rows,
    verdict_lines,
)
from flightline.cli.tables import title
from flightline.client.calls.rankings import Metric, Mode
from flightline.client.client import Client
from flightline.errors import UsageError

Text = str | None
Tag = Annotated[Text, typer.Option(help="Only jobs with this tag.")]
Owner = Annotated[Text, typer.Option(help="Only jobs of this owner.")]
Preset = Annotated[Text, typer.Option(help="Only jobs that were submitted from this preset.")]
Device = Annotated[Text, typer.Option(help="Only jobs that ran last on this: cpu, cuda, or one GPU such as cuda:1.")]
Sweep = Annotated[
    Text, typer.Option(help="Only configurations that this sweep tried: its id, the end of it, or `last`.")
]
By = Annotated[Metric, typer.Option(help="What configurations are compared by.")]
Better = Annotated[Mode | None, typer.Option(help="Whether more or less is better; default by the metric.")]
Level = Annotated[
    float | None,
    typer.Option(help="Accepted chance that equal ones are told apart at one look; default 0.05."),
]
NO_JOBS = "No training that matches has succeeded."


def register(app: typer.Typer) -> None:
    """Add `leaderboard`, `settle` and `replay` to the command-line application."""
    for command in (leaderboard, settle, replay):
        app.command()(command)


def leaderboard(
    tag: Tag = None,
    where: Where = None,
    owner: Owner = None,
    preset: Preset = None,
    device: Device = None,
    sweep: Sweep = None,
    metric: By = "best_val_accuracy",
    mode: Better = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many at most.")] = 20,
    level: Level = None,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Rank configurations by their seeds: jobs that differ at most in their seed are one.

    Those that statistics cannot tell apart share a rank, with an equals sign.
    """
    one_format(csv=csv, json=json)
    with Client() as client:
        filters = _filters(client, tag, where, owner, preset, device, sweep)
        board = client.leaderboard(metric, mode=mode, limit=limit, level=level, **filters)
    if json:
        print_json(board.raw)
    elif csv:
        rows = board.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        print_csv(names, ([row.get(name) for name in names] for row in rows))
    else:
        print_table(BOARD_COLUMNS, board_rows(board), NO_JOBS)
        if board.items:
            out().print(board_note(board), markup=False)


def settle(
    top: Annotated[
        int, typer.Option("--top", "-n", min=2, max=20, help="How many configurations, from the leaderboard's top.")
    ] = 3,
    tag: Tag = None,
    where: Where = None,
    owner: Owner = None,
    preset: Preset = None,
    device: Device = None,
    sweep: Sweep = None,
    metric: By = "best_val_accuracy",
    mode: Better = None,
    most_jobs: Annotated[int, typer.Option(min=1, max=200, help="How many of these jobs wait and run at most.")] = 20,
    level: Level = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which seeds would be queued.")] = False,
    json: Json = False,
) -> None:
    """Queue the seeds that would tell the best configurations apart; to ask again while they run adds nothing.

    Example: flightline settle --tag sweep1 --top 2 --dry-run.
    """
    with Client() as client:
        filters = _filters(client, tag, where, owner, preset, device, sweep)
        board = client.leaderboard(metric, mode=mode, limit=top, level=level, **filters)
        if len(board.items) < 2:
            raise UsageError("There are not two configurations to tell apart. " + NO_JOBS * (not board.items))
        found = client.settle(board.items, metric=metric, mode=mode, most_jobs=most_jobs, level=level, dry_run=dry_run)
    if json:
        print_json(found.raw)
    else:
        print_table(SETTLED_COLUMNS, settled_rows(found, board), NO_JOBS)
        out().print(settled_note(found), markup=False)


def replay(
    id: JobId,
    engine: Annotated[Text, typer.Option(help="Run with this engine; default the job's.")] = None,
    device: Annotated[Text, typer.Option(help="Run on this kind of device: any, cpu, cuda; default the job's.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Run with so many CPU threads; default the job's.")] = None,
    follow: Watch = False,
    json: Json = False,
) -> None:
    """Train a job that has succeeded once more, and compare the two epoch by epoch.

    With --watch the verdict is printed once the replay has ended; `flightline show` has it too.
    """
    where: dict[str, Any] = {"engine": engine, "device": device, "threads": threads}
    with Client() as client:
        job = client.replay(find_job(client, id), **where)
        announce_warnings(job)
        if follow:
            job = follow_to_success(client, job, err() if json else out())
    if json:
        print_json(job.raw)
        return
    if not follow:
        out().print(f"Replaying {title(job)}. Job {job.id}", markup=False)
    for line in verdict_lines(job):
        out().print(line, markup=False)


def _filters(
    client: Client,
    tag: str | None,
    where: list[str] | None,
    owner: str | None,
    preset: str | None,
    device: str | None,
    sweep: str | None,
) -> dict[str, Any]:
    conditions = [condition(one) for one in where or []]
    tried_by = None if sweep is None else find_sweep(client, sweep).id
    return {"tag": tag, "where": conditions, "owner": owner, "preset": preset, "device": device, "sweep": tried_by}
