"""Output of the command: tables, facts, JSON, error messages and exit codes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from flightline.cli import standard_streams
from flightline.cli.advice import advice
from flightline.cli.columns import Columns, fitted
from flightline.errors import (
    ApiError,
    ChecksumMismatch,
    FaultyImages,
    FlightlineError,
    NotReachable,
    OutputFailed,
    TrackerError,
    Unavailable,
    UsageError,
)
from shared.errors import ConfigurationError, InvalidSpec, NotFound

OK, JOB_FAILED, WRONG_USAGE, REFUSED, NOT_REACHABLE, STACK_FAILED, OUTPUT_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

LABEL_WIDTH, LONGEST_ID = 12, 36

EXIT_CODES = (
    "Exit codes: 0 done · 1 the job failed or was cancelled (or images are faulty) · 2 wrong usage · "
    "3 the service refused · "
    "4 the service does not answer · 5 the stack cannot run · 6 the output cannot be written · 130 interrupted."
)


def out() -> Console:
    """Standard output as it is now: colours and live lines on a terminal, plain text anywhere else."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


class _LastingConsole(Console):
    """A console that outlives its reader, where rich's own ends the program."""

    def on_broken_pipe(self) -> None:
        """Send further output to the null device, so that the program runs on without a reader."""
        standard_streams.redirect_to_null(self.file)  # type: ignore[arg-type]


def lasting_out() -> Console:
    """Standard output for a program that must run on after its reader has gone, as in `flightline up | head -1`."""
    file = sys.stdout.raw if isinstance(sys.stdout, standard_streams.Output) else sys.stdout
    return _LastingConsole(file=file, highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error as it is now: colours on a terminal, plain text anywhere else."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print the service's JSON and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not standard_streams.is_unicode(sys.stdout)) + "\n")


def print_table(columns: Columns, rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under their headers, whole without a terminal; where there are none, `empty` on standard error."""
    if not rows:
        err().print(empty, markup=False)
        return
    console = out()
    cells = [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]
    if console.is_terminal:
        console.print(fitted(columns, cells, console.width), soft_wrap=False)
    else:
        console.print(_aligned([columns.headers, *([cell.plain for cell in row] for row in cells)]), markup=False)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV under their names: true and false as in JSON, lists as JSON, and nothing for None."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_compact(cell) if isinstance(cell, bool | tuple | list | dict) else cell for cell in row])


def _compact(cell: object) -> str:
    """JSON as the service writes it in its own CSV."""
    return json.dumps(cell, ensure_ascii=False, separators=(",", ":"))


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print labels and values; on a terminal long values go over several lines, beside their label."""
    console = out()
    for label, value in facts:
        text = value if isinstance(value, Text) else Text(str(value))
        indent = LABEL_WIDTH if console.width >= LABEL_WIDTH + LONGEST_ID else 2
        head = Text(f"{label:<{LABEL_WIDTH - 1}} " if indent == LABEL_WIDTH else f"{label}\n  ", "dim")
        lines = text.wrap(console, console.width - indent) if console.is_terminal else [text]
        console.print(head + Text("\n" + " " * indent).join(lines))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def print_error(error: FlightlineError) -> None:
    """Print an error to standard error: what is wrong, where, and what to do."""
    if isinstance(error, OutputFailed) and error.reader_gone:
        return
    console = err()
    console.print(Text.assemble(("Error: ", "bold red"), f"{error.detail} {advice(error)}".strip()))
    for item in error.errors:
        if item.detail.rstrip(".") == error.detail.rstrip("."):
            continue  # said already
        if item.pointer.removeprefix("/") in error.detail and item.detail in error.detail:
            continue  # the same, where there is only one; a parameter stands in it by its name
        console.print(Text.assemble("  ", (item.pointer or "(the whole)", "bold"), ": ", item.detail))
    if isinstance(error, ApiError) and not error.errors:
        console.print(Text(f"  ({error.code}, HTTP {error.status})", "dim"))


def exit_code(error: FlightlineError) -> int:
    """The exit code that stands for an error; `EXIT_CODES` lists them for people."""
    if isinstance(error, OutputFailed):
        return OUTPUT_FAILED
    if isinstance(error, FaultyImages):
        return JOB_FAILED
    if isinstance(error, NotReachable | Unavailable):
        return NOT_REACHABLE
    if isinstance(error, UsageError | ConfigurationError):
        return WRONG_USAGE
    return (
        REFUSED
        if isinstance(error, ApiError | ChecksumMismatch | InvalidSpec | NotFound | TrackerError)
        else STACK_FAILED
    )
