"""The commands workers, queues, presets and datasets, which list what the service has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import typer

from flightline.cli.columns import Columns
from flightline.cli.commands.options import Json
from flightline.cli.console import out, print_json, print_table
from flightline.cli.tables import (
    NOTHING,
    QUEUE_COLUMNS,
    WORKER_COLUMNS,
    classes,
    count,
    queue_row,
    worker_row,
)
from flightline.client.client import Client
from flightline.client.records import Dataset, Preset
from shared.documents.phrases import ignored_files

PRESET_COLUMNS = Columns(("PRESET", "PARAMETERS", "WHAT"), wrapped=("WHAT",))
DATASET_COLUMNS = Columns(
    ("DATA SET", "PIXELS", "CLASSES", "HELD BY"), wrapped=("CLASSES", "HELD BY"), dropped=("HELD BY", "PIXELS")
)
LISTED_CLASSES = 10
"""Most classes of a data set that the table names."""


def register(app: typer.Typer) -> None:
    """Add `workers`, `queues`, `presets` and `datasets` to the command-line application."""
    for command in (workers, queues, presets, datasets):
        app.command()(command)


def workers(json: Json = False) -> None:
    """List the workers: device, state, job, the data they hold."""
    with Client() as client:
        row = partial(worker_row, short=out().is_terminal)
        _show(client.workers(), json, WORKER_COLUMNS, row, "No workers. Start one: `flightline worker`.")


def queues(json: Json = False) -> None:
    """List the queues: how many jobs wait, and for how long."""
    with Client() as client:
        _show(client.queues(), json, QUEUE_COLUMNS, queue_row, "No queues.")


def presets(json: Json = False) -> None:
    """List the presets: ready-made jobs to start from."""
    with Client() as client:
        _show(client.presets(), json, PRESET_COLUMNS, _preset_row, "No presets.")


def datasets(json: Json = False) -> None:
    """List the data sets that a job can name, and the live workers that hold them."""
    with Client() as client:
        _show(client.datasets(), json, DATASET_COLUMNS, _dataset_row, "No data sets.")


def _show(
    records: Sequence[Any],
    json: bool,
    columns: Columns,
    row: Callable[[Any], list[object]],
    empty: str,
) -> None:
    if json:
        print_json({"items": [record.raw for record in records], "next_cursor": None})
    else:
        print_table(columns, [row(record) for record in records], empty)


def _preset_row(preset: Preset) -> list[object]:
    return [preset.name, count(preset.cost.parameters), preset.title]


def _dataset_row(dataset: Dataset) -> list[object]:
    held = "; ".join(_holders(dataset)) or NOTHING
    return [dataset.name, _pixels(dataset), _class_names(dataset), "; ".join([held, *_remarks(dataset)])]


def _pixels(dataset: Dataset) -> str:
    """Width and height of the images, and whether they are grey; an earlier release does not say."""
    if "input_shape" not in dataset.raw:
        return NOTHING
    if dataset.input_shape is None:
        return "several sizes"
    channels, height, width = dataset.input_shape
    return f"{width} × {height}{' grey' if channels == 1 else ''}"


def _class_names(dataset: Dataset) -> str:
    """The classes, or of many the first ones and how many there are."""
    names = list(dataset.classes)
    if len(names) <= LISTED_CLASSES:
        return ", ".join(names)
    return f"{', '.join(names[:3])} … {names[-1]} ({len(names)} classes)"


def _holders(dataset: Dataset) -> list[str]:
    """The workers that hold the data set or a part of it: one text for each set of classes."""
    holders: dict[tuple[str, ...], set[str]] = {}
    for one in dataset.usable:
        holders.setdefault(tuple(one["classes"]), set()).update(one["workers"])
    return [
        f"{', '.join(sorted(workers))}{'' if set(part) == set(dataset.classes) else f' ({classes(part)})'}"
        for part, workers in holders.items()
    ]


def _remarks(dataset: Dataset) -> list[str]:
    """What is wrong with the copies: files that are ignored for their names, and incomplete copies."""
    remarks = {ignored_files(copy["place"], copy["ignored"]) for copy in dataset.held if copy.get("ignored")}
    broken = {f"incomplete: {copy['place']}" for copy in dataset.held if copy not in dataset.usable}
    return sorted(remarks | broken)
