"""The commands dataset add, check and show, for images of one's own."""

from __future__ import annotations

import base64
import re
import time
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from flightline.cli.arguments import load_settings
from flightline.cli.columns import Columns
from flightline.cli.commands.options import Json
from flightline.cli.console import err, out, print_facts, print_json, print_table
from flightline.cli.dataset.examination import examine, preview, require_sound
from flightline.cli.dataset.half_blocks import beside, picture
from flightline.cli.dataset.placement import place, require_new
from flightline.cli.dataset.suggestion import suggested_command
from flightline.cli.tables import plural
from flightline.client.client import Client
from flightline.errors import FlightlineError, NotReachable, UsageError
from flightline.stack.home import running_data_dir
from shared.documents.phrases import ignored_files

Document = dict[str, Any]

COUNT_COLUMNS = Columns(("CLASS", "TRAIN", "VAL"), shortened="CLASS")
PICTURE_SIDE, MOST_PICTURES, PICTURED_CLASSES = 16, 6, 10
NOTICED_SECONDS, LOOK_SECONDS = 15.0, 0.5
"""How long to wait for a worker to find a new data set, and between two looks. Workers look every second or two."""
OWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

dataset = typer.Typer(no_args_is_help=True, help="Add a data set of your own, check one, look at one.")


def register(app: typer.Typer) -> None:
    """Add `dataset add`, `dataset check` and `dataset show` to the command-line application."""
    for command in (add, check, show):
        dataset.command()(command)
    app.add_typer(dataset, name="dataset")


Name = Annotated[str, typer.Argument(metavar="NAME", help="A folder of the data directory.", show_default=False)]


def add(
    folder: Annotated[Path, typer.Argument(help="FOLDER/cat/*.jpg and so on, or FOLDER/train/cat and FOLDER/val/cat.")],
    name: Annotated[str | None, typer.Option(help="What jobs call it; default the folder's name.")] = None,
    val_fraction: Annotated[
        float | None, typer.Option(help="Set this part of each class aside to validate on, such as 0.2.")
    ] = None,
    json: Json = False,
) -> None:
    """Check all images of a folder and copy it into the data directory, whole or not at all.

    The folder itself is left as it is, and nothing is overwritten. The part that --val-fraction sets aside is chosen by
    the names of the files: the same images each time.
    """
    _require_fraction(val_fraction)
    source, name = _source(folder), name or _usual_name(folder)
    target = _data_dir() / name
    require_new(target)
    report = examine(source, name=name, val_fraction=val_fraction)
    if not report["faults"]:
        place(source, report["files"], target)
    if json:
        print_json(_public(report) | {"name": name, "path": None if report["faults"] else str(target)})
    require_sound(report, folder)
    if not json:
        out().print(f"Added {name}: {_contents(report)}. It is in {target}", markup=False)
        _tell_remarks(report, folder)
    _await_worker(name)
    if not json:
        out().print(f"Train on it: {suggested_command(name, report)}", markup=False)


def check(name: Name, json: Json = False) -> None:
    """Read every image of a data set in the data directory, and say all that is wrong at once."""
    folder = _folder(name)
    report = examine(folder)
    if json:
        print_json(_public(report) | {"name": name, "path": str(folder)})
    require_sound(report, folder)
    if not json:
        out().print(f"{name} is sound: {_contents(report)}.", markup=False)
        _tell_remarks(report, folder)


def show(name: Name, json: Json = False) -> None:
    """Show a data set: images of each class, means and deviations of its channels, and some pictures.

    Means and deviations are those that jobs with `"normalize": "computed"` use, on a scale from 0 to 1.
    """
    settings, console = load_settings(), out()
    fitting = min(MOST_PICTURES, console.width // (PICTURE_SIDE + 1))
    pictured = console.is_terminal and not console.no_color and console.color_system is not None
    found = preview(
        name, _data_dir(), settings.cache_dir, side=PICTURE_SIDE, count=fitting if pictured and not json else 0
    )
    if json:
        del found["pictures"]
        print_json(found)
        return
    print_facts(_facts(found))
    rows: list[list[object]] = [[label, *found["counts"][label]] for label in found["classes"]]
    print_table(COUNT_COLUMNS, rows, "No classes.")
    _show_pictures(found["pictures"])


def _require_fraction(fraction: float | None) -> None:
    if fraction is not None and not 0 < fraction < 1:
        raise UsageError(f"--val-fraction must be above 0 and below 1, such as 0.2, not {fraction:g}.")


def _source(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder} is {'no folder' if folder.exists() else 'not there'}. Name a folder of images.")
    return folder.absolute()


def _usual_name(folder: Path) -> str:
    """The folder's own name, where that can be a data set's."""
    name = folder.resolve().name
    if OWN.fullmatch(name):
        return name
    usable = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:63] or "my-images"
    raise UsageError(f"No data set can be called {name!r}. Choose a name, such as --name {usable}.")


def _data_dir() -> Path:
    """The data directory: `FLIGHTLINE_DATA_DIR`, else that of the stack that runs in this home, else the home's own."""
    settings = load_settings()
    if "data_dir" in settings.model_fields_set:
        return settings.datasets_dir
    return running_data_dir(settings.home_dir) or settings.datasets_dir


def _folder(name: str) -> Path:
    """The folder of a data set in the data directory."""
    data_dir = _data_dir()
    folder = data_dir / name
    if OWN.fullmatch(name) and (folder / "train").is_dir():
        return folder
    found = sorted(path.parent.name for path in data_dir.glob("[!.]*/train") if path.is_dir())
    held = f"there are {', '.join(found)}" if found else "there is none yet: `flightline dataset add FOLDER` adds one"
    raise UsageError(f"There is no data set of class folders {name!r} in {data_dir}; {held}.")


def _public(report: Document) -> Document:
    """A report without its list of files, which is for copying them."""
    return {key: value for key, value in report.items() if key != "files"}


def _contents(report: Document) -> str:
    """What a data set holds in a line: classes, images, sizes."""
    train, val = (sum(count[split] for count in report["counts"].values()) for split in (0, 1))
    images = f"{train:,} training and {val:,} validation images" if val else f"{plural(train, 'image')} to train on"
    smallest, largest = (f"{side[1]} × {side[0]}" for side in (report["smallest"], report["largest"]))
    sizes = f"of {smallest} pixels" if report["alike"] else f"from {smallest} to {largest} pixels"
    number = len(report["classes"])
    return f"{number} classes, {images}, {sizes}"


def _tell_remarks(report: Document, folder: Path) -> None:
    """Say what was left out, and which images will make accuracies too good or labels wrong."""
    console = err()
    if report["ignored"]:
        console.print(f"Warning: {ignored_files(str(folder), report['ignored'])}", markup=False, soft_wrap=True)
    if twins := report["twins"]:
        example = " and ".join(twins[0][:2])
        several = f"{len(twins):,} images are" if len(twins) > 1 else "One image is"
        console.print(
            f"Warning: {several} there more than once, in different splits or classes, such as {example}. Equal images "
            "in training and validation make accuracies too good.",
            markup=False,
        )


def _await_worker(name: str) -> None:
    """Wait until a worker of the service has found a new data set; say what to do where none does."""
    console, until = err(), time.monotonic() + NOTICED_SECONDS
    try:
        with Client() as client:
            while name not in {one.name for one in client.datasets() if one.held}:
                if time.monotonic() > until:
                    console.print(
                        f"Warning: no worker of {client.base_url} has found it. Each looks in the FLIGHTLINE_DATA_DIR "
                        "that it was started with, on its own machine; `flightline datasets` lists what they hold.",
                        markup=False,
                    )
                    return
                time.sleep(LOOK_SECONDS)
    except NotReachable:
        console.print("No service runs here. Start one: `flightline up`.", markup=False)
    except FlightlineError as error:  # the data set is in place all the same
        console.print(f"Warning: the service cannot say whether it has found it: {error}", markup=False)


def _facts(found: Document) -> list[tuple[str, object]]:
    shape = found["input_shape"]
    train, val = (sum(count[split] for count in found["counts"].values()) for split in (0, 1))
    pixels = "of several sizes" if shape is None else f"{shape[2]} × {shape[1]} pixels, {plural(shape[0], 'channel')}"
    resized = f", resized to {found['image_size']} pixels" if found["image_size"] else ""
    facts: list[tuple[str, object]] = [
        ("data set", found["name"]),
        ("place", found["place"]),
        ("images", f"{train:,} to train on, {val:,} to validate on, {pixels}"),
        ("mean", f"{_figures(found['mean'])}{resized}"),
        ("deviation", f"{_figures(found['std'])}{resized}"),
    ]
    if not found["has_val"]:
        facts.append(("validation", "none of its own: jobs say a val_fraction, such as 0.2"))
    if shape is None:
        facts.append(("size", "jobs say an image_size, such as 64"))
    if found["ignored"]:
        facts.append(("ignored", ignored_files(found["place"], found["ignored"])))
    return facts


def _figures(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _show_pictures(pictures: list[Document]) -> None:
    """Print the pictures of the first classes, those of a class beside each other."""
    console = out()
    for number, (label, some) in enumerate(groupby(pictures, key=lambda one: one["label"])):
        if number == PICTURED_CLASSES:
            return
        console.print(Text(label, "dim"))
        for line in beside([picture(base64.b64decode(one["pixels"]), one["side"]) for one in some]):
            console.print(line)
