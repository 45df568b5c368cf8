"""Options and arguments that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from flightline.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print the service's JSON and nothing else.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, with every digit.")]
JobId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A job's id, four or more characters of its end, or `last`.", show_default=False),
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID…", help="Jobs' ids, four or more characters of each one's end, or `last`."),
]
Tagged = Annotated[str | None, typer.Option("--tag", help="All jobs with this tag, in place of ids.")]
Owned = Annotated[
    str | None,
    typer.Option("--owner", help="Whose jobs --tag and --where are about; default your own, if you have signed in."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Such as 'lr<=0.01' or 'best_val_accuracy>0.8': = != < <= > >=. May be repeated, and all hold.",
    ),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Set a field: --set training.epochs=20.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before more than one job is changed.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow the job until it is finished.")]


class Cache(StrEnum):
    """Whether a job uses what equal ones have trained."""

    prefer = "prefer"
    exact = "exact"
    off = "off"


class Weights(StrEnum):
    """The weights that a command is about: those of the best epoch or of the last."""

    best = "best"
    last = "last"


def one_format(*, csv: bool, json: bool) -> None:
    """Check that output is asked for in one format. Raises UsageError for two."""
    if csv and json:
        raise UsageError("Give --csv or --json, not both.")


def one_purpose(*, dry_run: bool, follow: bool) -> None:
    """Check that nothing is to be followed where nothing starts. Raises UsageError for --dry-run with --watch."""
    if dry_run and follow:
        raise UsageError("Give --dry-run or --watch, not both: a check starts nothing that could be followed.")
