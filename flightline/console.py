"""What the command prints, and how it says that something went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flightline import streams
from flightline.errors import (
    ApiError,
    ChecksumMismatch,
    FlightlineError,
    NotReachable,
    StackError,
    Unavailable,
    UsageError,
)
from shared.errors import ConfigurationError

OK, JOB_FAILED, WRONG_USAGE, REFUSED, NOT_REACHABLE, STACK_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = (
    "Exit codes: 0 done · 1 the job failed or was cancelled · 2 wrong usage · 3 the service refused · "
    "4 the service does not answer · 5 the stack cannot run · 130 interrupted."
)


def out() -> Console:
    """Standard output as it is now: colours and live lines on a terminal, plain text anywhere else."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


class _LastingConsole(Console):
    """A console that outlives its reader, where rich's own ends the program."""

    def on_broken_pipe(self) -> None:
        """Write on to nobody."""
        streams.let_go(self.file)  # type: ignore[arg-type]


def lasting_out() -> Console:
    """Standard output for what runs on when nobody reads it any more, as behind `flightline up | head -1`."""
    return _LastingConsole(file=sys.stdout, highlight=False, soft_wrap=True)


def err() -> Console:
    """The same for standard error."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print the service's JSON and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not streams.is_unicode(sys.stdout)) + "\n")


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], empty: str, *, wrapped: str | None = None
) -> None:
    """Print rows under headers, unshortened without a terminal; where there are none, `empty` on standard error.

    Args:
        headers: one a column.
        rows: cells, as many as headers.
        empty: what to say of no rows.
        wrapped: the column that gives way on a narrow terminal, over several lines; by default all do, cut short.
    """
    if not rows:
        err().print(empty, markup=False)
        return
    console = out()
    cells = [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]
    if not console.is_terminal:
        console.print(_aligned([list(headers), *([cell.plain for cell in row] for row in cells)]), markup=False)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        gives_way = wrapped in {None, header}
        table.add_column(header, no_wrap=not gives_way, overflow="fold" if wrapped == header else "ellipsis")
    for row in cells:
        table.add_row(*row)
    Console(highlight=False).print(table)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def print_error(error: FlightlineError) -> None:
    """Say what went wrong, where, and what to do about it."""
    console = err()
    console.print(Text.assemble(("Error: ", "bold red"), error.detail))
    for item in error.errors:
        if item.pointer.removeprefix("/") in error.detail and item.detail in error.detail:
            continue  # said already, where there is only one; a parameter stands in it by its name
        console.print(Text.assemble("  ", (item.pointer or "(the whole)", "bold"), ": ", item.detail))
    if isinstance(error, ApiError) and not error.errors:
        console.print(Text(f"  ({error.code}, HTTP {error.status})", "dim"))


def exit_code(error: FlightlineError) -> int:
    """The exit code that stands for an error; `EXIT_CODES` lists them for people."""
    if isinstance(error, NotReachable | Unavailable):
        return NOT_REACHABLE
    if isinstance(error, UsageError | ConfigurationError):
        return WRONG_USAGE
    if isinstance(error, ApiError | ChecksumMismatch):
        return REFUSED
    return STACK_FAILED if isinstance(error, StackError) or error.http_status >= 500 else REFUSED
