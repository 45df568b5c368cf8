"""The commands submit, retry and watch."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from flightline.cli.arguments import apply_settings, find_job, read_document
from flightline.cli.columns import Columns
from flightline.cli.commands.options import JobId, Json, Watch
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out, print_json, print_table
from flightline.cli.progress import ending, follow_jobs
from flightline.cli.tables import count, scaled, title
from flightline.client.client import Client
from flightline.client.documents import Document
from flightline.client.jobs import Job
from flightline.client.records import Check
from flightline.errors import UsageError

LAYER_COLUMNS = Columns(("LAYER", "IN", "OUT", "PARAMETERS"))
Layer = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add `submit`, `watch` and `retry` to the command-line application."""
    app.command()(submit)
    app.command()(watch)
    app.command()(retry)


def submit(
    file: Annotated[
        str | None, typer.Argument(help="A JSON file that describes the job; - reads standard input.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Start from this preset; see `flightline presets`.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Set a field: --set training.epochs=20.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for the job.")] = None,
    follow: Watch = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it and show what it costs.")] = False,
    json: Json = False,
) -> None:
    """Submit a job: an architecture and how to train it.

    Examples: flightline submit --preset notebook-tapered --set training.epochs=20 --watch;
    flightline submit my-network.json --dry-run.
    """
    document = apply_settings(_start(file, preset), settings or [])
    if name is not None:
        document["name"] = name
    with Client() as client:
        if dry_run:
            _show_check(client.check(document), json)
            return
        job = client.submit(document)
        _announce(job, follow, json)
        if follow:
            _follow(client, job, json)


def watch(id: JobId, json: Json = False) -> None:
    """Follow a job until it is finished; Ctrl-C leaves it running. Exit code 0 if it succeeded, 1 if not."""
    with Client() as client:
        _follow(client, client.job(find_job(client, id)), json)


def retry(id: JobId, follow: Watch = False, json: Json = False) -> None:
    """Submit a job's spec again, as a new job."""
    with Client() as client:
        job = client.retry(find_job(client, id))
        _announce(job, follow, json)
        if follow:
            _follow(client, job, json)


def _start(file: str | None, preset: str | None) -> Document:
    if file is None and preset is None:
        raise UsageError(
            "Say what to train: a JSON file, - for standard input, or --preset NAME (`flightline presets`)."
        )
    document = {} if file is None else read_document(file)
    return document if preset is None else document | {"preset": preset}


def announce_warnings(job: Job) -> None:
    """Say on standard error what a job that was just submitted waits for."""
    for warning in job.warnings:
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
