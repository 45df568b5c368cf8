"""Options and arguments that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the service's JSON and nothing else.")]
JobId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A job's id, four or more characters of its end, or `last`.", show_default=False),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow the job until it is finished.")]


class Weights(StrEnum):
    """The weights that a command is about: those of the best epoch or of the last."""

    best = "best"
    last = "last"
