"""The `flightline` command: its subcommands, its exit code and its error messages."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, TextIO, cast

import typer

from flightline.cli import standard_streams
from flightline.cli.commands.people import sign_in, tokens, webhook
from flightline.cli.commands.service import backups, catalog, dataset, programs, prune
from flightline.cli.commands.training import (
    changes,
    jobs,
    logs,
    mlflow,
    networks,
    rankings,
    results,
    submission,
    sweeps,
    top,
)
from flightline.cli.console import EXIT_CODES, INTERRUPTED, OK, exit_code, out, print_error
from flightline.cli.values import Commands
from flightline.errors import FlightlineError, OutputFailed, StackError

FRAMED_HELP_WIDTH = 80

app = typer.Typer(
    name="flightline",
    cls=Commands,
    help="Train small image classifiers: start the service, submit jobs, watch them, read their results.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MARKUP = app.rich_markup_mode


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            out().print(version("flightline-train"), markup=False)
        except PackageNotFoundError:
            out().print("unknown: not installed")
        raise typer.Exit


@app.callback()
def flightline(
    url: Annotated[
        str | None,
        typer.Option(envvar="FLIGHTLINE_URL", help="Where the service is; default the stack on this machine."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Train small image classifiers: start the service, submit jobs, watch them, read their results."""
    if url:
        os.environ["FLIGHTLINE_URL"] = url


COMMANDS = (
    *(programs, backups, prune, sign_in, tokens, webhook),
    *(submission, sweeps, jobs, rankings, changes, logs, results, networks, mlflow, top, catalog, dataset),
)
for module in COMMANDS:
    module.register(app)


def main() -> None:
    """Run the command. Errors that a user can meet end in a message and an exit code, never in a traceback."""
    standard_streams.prepare()
    # Beside their explanations in a frame, the names of options would be cut on a narrow terminal.
    app.rich_markup_mode = MARKUP if shutil.get_terminal_size().columns >= FRAMED_HELP_WIDTH else None
    errors = standard_streams.Lossy(sys.stderr)
    with redirect_stdout(cast("TextIO", standard_streams.Output(sys.stdout))), redirect_stderr(cast("TextIO", errors)):
        code = _ended()
        with suppress(OutputFailed):  # of a command that has failed already: its own reason counts
            sys.stdout.flush()
        errors.finish()
    sys.exit(code)


def _ended() -> int:
    """Run the command, print its error where it fails, and return the exit code."""
    try:
        code = _run()
        sys.stdout.flush()
    except FlightlineError as error:
        return _report(error)
    except OSError as error:  # a full disk, a folder that may not be written
        return _report(StackError(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."))
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run() -> int:
    try:
        app(prog_name="flightline")
    except SystemExit as ended:
        return int(ended.code or OK)
    return OK


def _report(error: FlightlineError) -> int:
    print_error(error)
    return exit_code(error)


if __name__ == "__main__":
    main()
