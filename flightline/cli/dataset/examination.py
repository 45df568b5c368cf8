"""Images read by the workers' own code, in a process of its own: the command itself loads neither Pillow nor torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flightline.cli.commands.service.programs import require
from flightline.cli.console import err
from flightline.errors import FaultyImages, FieldError, StackError, UsageError
from flightline.stack.programs import python_environment

Document = dict[str, Any]

LAST_WORDS = 2000
"""Characters of a failed process's output that are shown."""


def examine(folder: Path, *, name: str | None = None, val_fraction: float | None = None) -> Document:
    """The report on a folder of images (`worker.training.data.check.Report`), all of which are read.

    Args:
        folder: the folder.
        name: what the data set is to be called, where the name is new.
        val_fraction: the part of each class to validate on.

    Raises:
        UsageError: the folder cannot be read, or the name or the fraction does not fit.
        StackError: the packages that read images are not installed, or the process failed.
    """
    named = [] if name is None else ["--name", name]
    parted = [] if val_fraction is None else ["--val-fraction", str(val_fraction)]
    return _last(_run("worker.training.data.check", str(folder), *named, *parted), "report", "Checking images")


def preview(name: str, data_dir: Path, cache_dir: Path, *, side: int, count: int) -> Document:
    """A data set at a glance (`worker.training.data.preview.Preview`).

    Raises:
        UsageError: there is no such data set here, or its images cannot be loaded.
        StackError: the packages that read images are not installed, or the process failed.
    """
    folders = ["--data-dir", str(data_dir), "--cache-dir", str(cache_dir)]
    pictures = ["--side", str(side), "--count", str(count)]
    return _last(_run("worker.training.data.preview", name, *folders, *pictures), "preview", "Reading images")


def require_sound(report: Document, folder: Path) -> None:
    """Raise `FaultyImages` with every fault of a report, if there is one."""
    faults = [
        FieldError(fault["place"] or str(folder), f"{fault['problem']}. {fault['remedy']}")
        for fault in report["faults"]
    ]
    if faults:
        number = "one thing is" if len(faults) == 1 else f"{len(faults):,} things are"
        raise FaultyImages(f"{folder} cannot be trained on: {number} wrong.", tuple(faults))


def _last(documents: Iterator[Document], key: str, what: str) -> Document:
    """The document under `key`; a bar shows meanwhile how many images have been read."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = err()
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        for document in documents:
            if "refused" in document:
                raise UsageError(document["refused"])
            if key in document:
                found: Document = document[key]
                return found
            bar.update(task, completed=document["done"], total=document["total"])
    raise StackError("The process that reads the images ended without a result.")


def _run(module: str, *arguments: str) -> Iterator[Document]:
    """What a program of the workers prints, line by line as JSON."""
    require("worker", "PIL", "numpy", "torch")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=python_environment(),
            text=True,
            encoding="ascii",
        )
        try:
            assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
            with process.stdout:
                yield from map(json.loads, process.stdout)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-LAST_WORDS:].strip()
            raise StackError(f"The process that reads the images ended with code {code}.\n{said}")
