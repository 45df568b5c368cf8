"""The commands backup and restore: the service's state in one file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flightline.cli.arguments import load_settings
from flightline.cli.commands.options import Json
from flightline.cli.commands.service.programs import require
from flightline.cli.console import out, print_json
from flightline.cli.tables import plural
from flightline.errors import UsageError

if TYPE_CHECKING:
    from flightline.stack.backup import About


def register(app: typer.Typer) -> None:
    """Add `backup` and `restore` to the command-line application."""
    for command in (backup, restore):
        app.command()(command)


def backup(
    file: Annotated[
        Path, typer.Argument(help="Where to: a new file outside the home. A name ending in .gz is compressed.")
    ],
    json: Json = False,
) -> None:
    """Write database and artifacts into one file, while the service runs or stands.

    For SQLite; with PostgreSQL it says which commands do it.
    """
    require("api", "alembic", "fsspec", "sqlalchemy")
    from flightline.stack.backup import backup as write

    _refuse_stream(file, "written to a file, whole or not at all, and cannot go to standard output")
    _report(write(load_settings(), file.absolute()), f"Backed up to {file}", json=json)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `flightline backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace this home's database; the old one is kept beside it.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup into this home. The service must be stopped.

    The database that it replaces stays beside it, under a name with the time in it. A backup that is damaged, and an
    artifact storage that is not mounted, are refused; nothing is changed then.
    """
    require("api", "alembic", "fsspec", "sqlalchemy")
    from flightline.stack.restore import restore as read

    _refuse_stream(file, "read from a file, first to check it, and cannot come from standard input")
    _report(read(load_settings(), file, replace=replace), f"Restored {file}", json=json)


def _refuse_stream(file: Path, why: str) -> None:
    if str(file) == "-":
        raise UsageError(f"A backup is {why}. Name a file instead of -.")


def _report(about: About, done: str, *, json: bool) -> None:
    if json:
        print_json(dataclasses.asdict(about))
        return
    found = f"{done}: {plural(about.jobs, 'job')}, {plural(about.files, 'file')} of artifacts."
    out().print(f"{found}{_missing(about.missing)}", markup=False)


def _missing(files: int) -> str:
    if not files:
        return ""
    which = f"{plural(files, 'file')} that the database names {'is' if files == 1 else 'are'} not in it"
    return f" {which}: deleted meanwhile, as checkpoints of running jobs are, or before."
