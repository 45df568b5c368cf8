"""The command prune: artifacts of old jobs are deleted, their figures stay."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from flightline.cli.arguments import load_settings
from flightline.cli.commands.options import Json
from flightline.cli.commands.service.programs import require
from flightline.cli.console import out, print_json
from flightline.cli.jobs.selection import ask
from flightline.cli.quantities import read_duration, read_size
from flightline.cli.tables import plural, scaled
from flightline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.database.engine import Database
    from shared.settings import Settings
    from shared.storage.retention import Pruned


def register(app: typer.Typer) -> None:
    """Add `prune` to the command-line application."""
    app.command()(prune)


OlderThan = Annotated[str | None, typer.Option(help="Of jobs that finished longer ago than this, e.g. 90d.")]
Keep = Annotated[int | None, typer.Option(min=0, help="Of all but this many jobs, those that finished last.")]
MaxSize = Annotated[str | None, typer.Option(help="The oldest, until no more than this is left, e.g. 50GB.")]


def prune(
    older_than: OlderThan = None,
    keep: Keep = None,
    max_size: MaxSize = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before files of more than one job go.")] = False,
    json: Json = False,
) -> None:
    """Delete artifacts of old jobs (weights, logits, ONNX), while the service runs or stands.

    Jobs, their epochs and evaluations stay. Of several options each deletes what it says. Needs the service's own
    settings, as `backup` does.
    """
    require("api", "fsspec", "sqlalchemy")
    from shared.storage.retention import Pruned, Retention, prunable
    from shared.storage.retention import prune as delete

    if older_than is None and keep is None and max_size is None:
        raise UsageError("Say what to delete: --older-than 90d, --keep 1000 or --max-size 50GB, or several of them.")
    retention = Retention(
        older_than_seconds=None if older_than is None else read_duration(older_than, "--older-than"),
        keep_jobs=keep,
        max_bytes=None if max_size is None else read_size(max_size, "--max-size"),
    )
    settings = load_settings()
    with _database(settings) as db:
        from shared.storage.orphans import names_files
        from shared.storage.store import Storage

        jobs = prunable(db, retention)
        storage = Storage(settings.storage_url, in_use=partial(names_files, db))
        pruned = Pruned.of(jobs)
        if not dry_run:
            if pruned.jobs > 1 and not yes:
                ask("Delete", _size(pruned))
            pruned = delete(db, storage, jobs)
    if json:
        print_json(asdict(pruned) | {"dry_run": dry_run})
        return
    out().print(f"{'Would delete' if dry_run else 'Deleted'} {_size(pruned)}.", markup=False)


def _size(pruned: Pruned) -> str:
    return f"{plural(pruned.files, 'file')} of {plural(pruned.jobs, 'job')}, {scaled(pruned.bytes, 'B')}"


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    from shared.database.engine import Database

    db = Database(settings.sqlalchemy_url)
    try:
        yield db
    finally:
        db.dispose()
