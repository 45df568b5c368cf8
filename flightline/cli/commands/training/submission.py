"""The commands submit, retry and watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from flightline.cli.arguments import apply_settings, find_job, labelled, read_document, read_job
from flightline.cli.columns import Columns
from flightline.cli.commands.options import Cache, Ids, JobId, Json, Set, Tagged, Watch, Where, one_purpose
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out, print_json, print_table
from flightline.cli.jobs.batch import check_batch, follow_many, submit_batch
from flightline.cli.jobs.estimate import estimate_lines
from flightline.cli.jobs.selection import selected
from flightline.cli.progress import ending, follow_jobs
from flightline.cli.tables import count, scaled, title
from flightline.client.client import Client
from flightline.client.documents import Document, resubmission
from flightline.client.jobs import Job
from flightline.client.records import NOT_FINISHED, Check
from flightline.errors import UsageError
from shared import wire

LAYER_COLUMNS = Columns(("LAYER", "IN", "OUT", "PARAMETERS"))
Layer = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add `submit`, `watch` and `retry` to the command-line application."""
    app.command()(submit)
    app.command()(watch)
    app.command()(retry)


def submit(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="JSON files that describe a job each; - reads standard input."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Start from this preset; see `flightline presets`.")] = None,
    settings: Set = None,
    name: Annotated[str | None, typer.Option(help="A name for the job.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag for each job; may be repeated.")] = None,
    note: Annotated[str | None, typer.Option(help="Notes for each job, as Markdown.")] = None,
    cache: Annotated[
        Cache | None, typer.Option(help="Use what equal jobs have trained: prefer, exact (the same bits) or off.")
    ] = None,
    follow: Watch = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it and show what it costs.")] = False,
    json: Json = False,
) -> None:
    """Submit jobs: an architecture and how to train it. Several files make one batch: all are submitted, or none.

    Examples: flightline submit --preset notebook-tapered --set training.epochs=20 --watch;
    flightline submit my-network.json --dry-run; flightline submit sweep/*.json --tag sweep1.
    """
    one_purpose(dry_run=dry_run, follow=follow)
    chosen = [f"cache={cache}"] if cache else []
    documents = [
        labelled(apply_settings(one, [*chosen, *(settings or [])]), name, tag or []) for one in _start(files, preset)
    ]
    if name is not None and len(documents) > 1:
        raise UsageError("--name is for one job; give several a --tag, or a name in each file.")
    with Client() as client:
        if dry_run:
            _check(client, files or [], documents, json)
        elif len(documents) == 1:
            _submitted(client, client.submit(documents[0]), note, follow, json)
        else:
            submit_batch(client, files or [], documents, note=note, follow=follow, json=json)


def watch(ids: Ids = None, tag: Tagged = None, where: Where = None, json: Json = False) -> None:
    """Follow jobs until they are finished; Ctrl-C leaves them running. Exit code 0 if all succeeded, 1 if not."""
    with Client() as client:
        jobs = selected(client, ids or [], tag=tag, where=where or [], status=NOT_FINISHED)
        if len(ids or []) == 1:
            _follow(client, jobs[0], json)
        else:
            follow_many(client, jobs, json=json)


def retry(id: JobId, settings: Set = None, follow: Watch = False, json: Json = False) -> None:
    """Submit a job's spec again, as a new job; with --set a changed one, which need not wait for the job's end.

    The new job has the name, tags and preset of the first, not its notes.

    Example: flightline retry last --set training.epochs=20 --watch.
    """
    with Client() as client:
        if settings:
            first = read_job(client, id)
            document = resubmission(first, client.presets() if first.preset else [])
            job = client.submit(apply_settings(document, settings))
        else:
            job = client.retry(find_job(client, id))
        _submitted(client, job, None, follow, json)


def _start(files: Sequence[str] | None, preset: str | None) -> list[Document]:
    if not files and preset is None:
        raise UsageError(
            "Say what to train: a JSON file, - for standard input, or --preset NAME (`flightline presets`)."
        )
    if files and files.count("-") > 1:
        raise UsageError("Standard input holds one job: give - once.")
    documents = [_job_in(file) for file in files or []] or [{}]
    return documents if preset is None else [one | {"preset": preset} for one in documents]


def _job_in(file: str) -> Document:
    document = read_document(file)
    if {"base", "space"} <= document.keys():
        raise UsageError(f"This is a sweep, not a job: start it by `flightline sweep {file}`.")
    return document


def _check(client: Client, files: Sequence[str], documents: Sequence[Document], json: bool) -> None:
    if len(documents) == 1:
        _show_check(client.check(documents[0]), json)
    else:
        check_batch(client, files, documents, json=json)


def _submitted(client: Client, job: Job, note: str | None, follow: bool, json: bool) -> None:
    """Say that a job was submitted, with its notes, and follow it where that is asked for."""
    try:
        job = job if note is None else client.edit(job.id, notes=note)
    finally:  # a job that was submitted is named, also where its notes were refused
        _announce(job, follow, json)
    if follow:
        _follow(client, job, json)


def announce_warnings(started: wire.Job | wire.Sweep | wire.SweepPreview) -> None:
    """Say on standard error what a job that was just submitted waits for, or what of a sweep may not be meant."""
    for warning in started.warnings:
        err().print(f"Warning: {warning}", markup=False)


def _announce(job: Job, follow: bool, json: bool) -> None:
    announce_warnings(job)
    if json and not follow:
        print_json(job.raw)
    elif not json:
        out().print(f"Submitted {title(job)}: {count(job.cost.parameters)} parameters. Job {job.id}", markup=False)
        if not follow:
            out().print(f"Watch it with `flightline watch {job.id}`.", markup=False)


def _follow(client: Client, job: Job, json: bool) -> None:
    """Show the job until it is finished, and exit with code 1 where it did not succeed."""
    ended = _finished(client, job, err() if json else out())
    if json:
        print_json(ended.raw)
    elif out().is_terminal:
        out().print(f"{title(ended)} {ending(ended)}", markup=False)
    if not ended.succeeded:
        raise typer.Exit(JOB_FAILED)


def follow_to_success(client: Client, job: Job, console: Console) -> Job:
    """Show the job on this console until it is finished, and return it; exit with code 1 where it did not succeed."""
    ended = _finished(client, job, console)
    if not ended.succeeded:
        raise typer.Exit(JOB_FAILED)
    return ended


def _finished(client: Client, job: Job, console: Console) -> Job:
    try:
        return follow_jobs(client, [job], console)[0]
    except KeyboardInterrupt:
        err().print(
            f"\nThe job keeps running. `flightline watch {job.id}` shows it again, `cancel` ends it.", markup=False
        )
        raise typer.Exit(INTERRUPTED) from None


def _show_check(check: Check, json: bool) -> None:
    if json:
        print_json(check.raw)
        return
    rows = [_layer_row(layer) for layer in _blocks_first(check.raw["cost"].get("layers", []))]
    print_table(LAYER_COLUMNS, rows, "No layers.")
    cost = check.cost
    out().print(
        f"{count(cost.parameters)} parameters, {scaled(cost.weight_bytes, 'B')} of weights, "
        f"{scaled(cost.flops_per_epoch, 'FLOP')} per epoch. Nothing was submitted."
    )
    for line in estimate_lines(check.raw.get("estimate")):
        out().print(f"Estimate: {line}.", markup=False)
    for warning in check.warnings:
        err().print(f"Warning: {warning}", markup=False)


def _layer_row(layer: Layer) -> list[object]:
    shapes = [_shape(layer["input_shape"]), _shape(layer["output_shape"])]
    return [_place(layer) + layer["kind"], *shapes, count(layer["parameters"])]


def _blocks_first(layers: list[Layer]) -> list[Layer]:
    """The layers with each residual block above its inner layers; the service lists the block after them."""
    blocks = {layer["pointer"]: number for number, layer in enumerate(layers) if layer["kind"] == "residual"}

    def place(numbered: tuple[int, Layer]) -> tuple[int, int]:
        number, layer = numbered
        block = blocks.get(layer["pointer"].rsplit("/", 2)[0], number)
        return block, -1 if layer["kind"] == "residual" else number

    return [layer for _number, layer in sorted(enumerate(layers), key=place)]


def _place(layer: Layer) -> str:
    """The position of a layer within its residual block; empty for a layer outside of any."""
    _, row, place = layer["pointer"].partition("/architecture/layers/")
    _, _, inside = place.partition("/") if row else ("", "", "")
    return f"  {inside.replace('/', '.')} " if inside else ""


def _shape(shape: list[int]) -> str:
    return "×".join(map(str, shape))
